/* SPDX-License-Identifier: Apache-2.0 */
/* The verbs of the command line, one file each; verb_table.c lists them. Each returns an exit code (cli.h). */
#pragma once
#include "init/cli/cli.h"

int verb_run(struct cli *c, const struct args *a);
int verb_ps(struct cli *c, const struct args *a);
int verb_logs(struct cli *c, const struct args *a);
int verb_start(struct cli *c, const struct args *a);
int verb_stop(struct cli *c, const struct args *a);
int verb_wait(struct cli *c, const struct args *a);
int verb_rm(struct cli *c, const struct args *a);
int verb_inspect(struct cli *c, const struct args *a);
int verb_image_load(struct cli *c, const struct args *a);
int verb_image_ls(struct cli *c, const struct args *a);
int verb_image_rm(struct cli *c, const struct args *a);
int verb_status(struct cli *c, const struct args *a);
int verb_memory(struct cli *c, const struct args *a);
int verb_poweroff(struct cli *c, const struct args *a);
int verb_reboot(struct cli *c, const struct args *a);
int verb_kexec(struct cli *c, const struct args *a);
int verb_reexec(struct cli *c, const struct args *a);
int verb_cmdline(struct cli *c, const struct args *a);
int verb_completion(struct cli *c, const struct args *a);
int verb_help(struct cli *c, const struct args *a);
int verb_version(struct cli *c, const struct args *a);

extern const struct args_option run_options[], ps_options[], logs_options[], stop_options[], rm_options[];
extern const struct args_option image_load_options[], image_ls_options[];
