/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where images are unpacked: a child process in its own user namespace (all ids mapped to themselves, so owners, setuid
 * bits, file capabilities and 0:0 whiteouts work, while block devices, trusted.* and everything outside are refused by
 * the kernel), with one directory as its whole filesystem, no network, few capabilities and a list of system calls.
 */
#pragma once
#include "base/err.h"
#include "base/json.h"

/*
 * Runs in the child: dir is the directory, now "/"; in: the descriptor passed, or -1. Fills result (an object, empty at
 * the call) and returns 0, or fills e and returns -1.
 */
typedef int confine_fn(int dir, int in, const void *arg, cJSON *result, struct err *e);

/*
 * Forks, confines the child, runs fn and waits for it. dir: absolute path of an existing directory. in stays the
 * caller's. Needs root, in whatever user namespace; the caller should be single-threaded. What fn added is added to
 * result, at most CONFINE_RESULT_MAX bytes of it.
 */
#define CONFINE_RESULT_MAX 65536
int confine_run(const char *dir, int in, confine_fn *fn, const void *arg, cJSON *result, struct err *e);
