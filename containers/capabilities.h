/* SPDX-License-Identifier: Apache-2.0 */
/* Capabilities of a container's process: Docker's default set. */
#pragma once
#include <stdint.h>

#include "base/err.h"

/* Bit set of CAP_*. */
extern const uint64_t CAPABILITIES_DEFAULT;

/* Drops everything outside of `keep` from the bounding set. Needs CAP_SETPCAP. */
int capabilities_bound(uint64_t keep, struct err *e);
/* Permitted and effective become `keep`; inheritable and ambient become empty (CVE-2022-27650). */
int capabilities_set(uint64_t keep, struct err *e);
