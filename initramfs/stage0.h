/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stage 0: /init of the initramfs. Finds a slot, verifies it and becomes its /sbin/init; or says why not and reboots.
 */
#pragma once

/* Runs as PID 1 of the initial namespaces only. */
_Noreturn void stage0_main(void);
