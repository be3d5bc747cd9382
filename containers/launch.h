/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A container's first process: PID 1 clones into the new namespaces and cgroup and executes `hull --launch`, which
 * reads one packet on fd 3, resolves the image in the store, builds the root filesystem, drops rights and executes the
 * image's program. stdin/stdout/stderr are already in place.
 *
 * Packet to the launcher (JSON): {"name","image","store","directory","hostname","command":[..]?,"entrypoint":[..]?,
 * "environment":["K=V"..],"terminal":bool?, "state_readonly":bool?}. `store` and `directory` are absolute host paths.
 * Packets from it: {"prepared":{"stop_signal":N,"image":"sha256:..."}} right before execve; fd 3 is CLOEXEC, so its end
 * after "prepared" says the program runs. On failure {"error":{"step":"mount /proc","message":"...","status":N}} and
 * exit with that status: 125 set-up failed, 126 can't be executed, 127 not found (as Docker's).
 */
#pragma once

/* In a container's directory, written by the launcher: the digest of the manifest it runs on. */
#define LAUNCH_IMAGE_FILE "image"

_Noreturn void launch_main(void);
/* CLONE_NEW* flags PID 1 is to clone the launcher with. network_host: shares the host's network namespace. */
unsigned long launch_clone_flags(int network_host);
