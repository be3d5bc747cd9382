/* SPDX-License-Identifier: Apache-2.0 */
/* Lists of strings: NULL-ended arrays of owned C strings, as execve(2) wants them. */
#pragma once
#include "base/json.h"

/* A new list from an array of strings (JSON_STRINGS); empty for NULL. NULL: ENOMEM. */
char **strings_from_json(const cJSON *array);
/* Appends a copy. 0 or -1 (ENOMEM, the list unchanged). *list may be NULL. */
int strings_add(char ***list, const char *s);
size_t strings_count(char *const *list);
/* Sets *list to NULL. */
void strings_free(char ***list);
#define cleanup_strings __attribute__((cleanup(strings_free)))
