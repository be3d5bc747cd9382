/* SPDX-License-Identifier: Apache-2.0 */
/* The forms of command line values that are more than a word or a number. NULL: good, else what was expected. */
#pragma once

const char *cmdline_check_state(const char *value);
const char *cmdline_check_hostname(const char *value);
const char *cmdline_check_net(const char *value);
const char *cmdline_check_dns(const char *value);
const char *cmdline_check_ntp(const char *value);
const char *cmdline_check_modules(const char *value);
