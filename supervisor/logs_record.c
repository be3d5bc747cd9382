/* SPDX-License-Identifier: Apache-2.0 */
#include "supervisor/logs_record.h"

#include <stdio.h>
#include <string.h>

#define NS 1000000000ULL

static const char *const names[LOG_STREAMS] = { [LOG_STDOUT] = "stdout", [LOG_STDERR] = "stderr" };
#define STREAM_LEN 6 /* of either name */

const char *log_stream_name(enum log_stream s)
{
	return names[s];
}

int log_stream_parse(const char *name, enum log_stream *out)
{
	for (int i = 0; i < LOG_STREAMS; i++)
		if (strcmp(name, names[i]) == 0) {
			*out = (enum log_stream)i;
			return 0;
		}
	return -1;
}

/* gmtime(3) and timegm(3) read a timezone file first, which the role's sandbox has none of. Days by Howard Hinnant's formulas. */
static void civil_from_days(int64_t days, int *year, int *month, int *day)
{
	int64_t z = days + 719468, era = z / 146097, doe = z - era * 146097;
	int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
	int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100), mp = (5 * doy + 2) / 153;

	*day = (int)(doy - (153 * mp + 2) / 5 + 1);
	*month = (int)(mp < 10 ? mp + 3 : mp - 9);
	*year = (int)(yoe + era * 400 + (*month <= 2));
}

static int64_t days_from_civil(int year, int month, int day)
{
	int64_t y = month <= 2 ? year - 1 : year, era = y / 400, yoe = y - era * 400;
	int64_t doy = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;

	return era * 146097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - 719468;
}

static void put_digits(char *out, unsigned n, uint64_t value)
{
	while (n--) {
		out[n] = (char)('0' + value % 10);
		value /= 10;
	}
}

void log_time_format(uint64_t ns, char out[LOG_TIME_LEN + 1])
{
	uint64_t s = ns / NS;
	int year, month, day;

	memcpy(out, "0000-00-00T00:00:00.000000000Z", LOG_TIME_LEN + 1);
	civil_from_days((int64_t)(s / 86400), &year, &month, &day);
	put_digits(out, 4, (uint64_t)year);
	put_digits(out + 5, 2, (uint64_t)month);
	put_digits(out + 8, 2, (uint64_t)day);
	put_digits(out + 11, 2, s / 3600 % 24);
	put_digits(out + 14, 2, s / 60 % 60);
	put_digits(out + 17, 2, s % 60);
	put_digits(out + 20, 9, ns % NS);
}

static int get_digits(const char *in, unsigned n, int *value)
{
	*value = 0;
	while (n--) {
		if (*in < '0' || *in > '9')
			return -1;
		*value = *value * 10 + (*in++ - '0');
	}
	return 0;
}

int log_time_parse(const char *text, size_t len, uint64_t *ns)
{
	int year, month, day, hour, minute, second, fraction;

	if (len != LOG_TIME_LEN || text[4] != '-' || text[7] != '-' || text[10] != 'T' || text[13] != ':' || text[16] != ':' ||
	    text[19] != '.' || text[29] != 'Z')
		return -1;
	if (get_digits(text, 4, &year) < 0 || get_digits(text + 5, 2, &month) < 0 || get_digits(text + 8, 2, &day) < 0 ||
	    get_digits(text + 11, 2, &hour) < 0 || get_digits(text + 14, 2, &minute) < 0 ||
	    get_digits(text + 17, 2, &second) < 0 || get_digits(text + 20, 9, &fraction) < 0)
		return -1;
	if (year < 1970 || month < 1 || month > 12 || day < 1 || day > 31 || hour > 23 || minute > 59 || second > 60)
		return -1;
	*ns = (uint64_t)(days_from_civil(year, month, day) * 86400 + hour * 3600 + minute * 60 + second) * NS + (uint64_t)fraction;
	return 0;
}

static char *put_record(char *o, const char *time, enum log_stream stream, char tag, const char *text, size_t len)
{
	memcpy(o, time, LOG_TIME_LEN);
	o += LOG_TIME_LEN;
	*o++ = ' ';
	memcpy(o, names[stream], STREAM_LEN);
	o += STREAM_LEN;
	*o++ = ' ';
	*o++ = tag;
	*o++ = ' ';
	memcpy(o, text, len);
	o += len;
	*o++ = '\n';
	return o;
}

/* Where to cut a long line: not within a UTF-8 sequence, if it is UTF-8. */
static size_t cut(const char *text)
{
	size_t at = LOG_TEXT_MAX;

	while (at > LOG_TEXT_MAX - 4 && ((unsigned char)text[at] & 0xc0) == 0x80)
		at--;
	return ((unsigned char)text[at] & 0xc0) == 0x80 ? LOG_TEXT_MAX : at;
}

size_t log_records(const char *data, size_t len, bool flush, const char time[LOG_TIME_LEN], enum log_stream stream, char *out,
		   size_t out_size, size_t *out_len)
{
	const size_t overhead = LOG_RECORD_MAX - LOG_TEXT_MAX;
	size_t used = 0;
	char *o = out;

	while (used < len) {
		const char *text = data + used;
		size_t left = len - used, look = left < LOG_TEXT_MAX + 1 ? left : LOG_TEXT_MAX + 1, n;
		const char *end = memchr(text, '\n', look);

		if (end)
			n = (size_t)(end - text);
		else if (left > LOG_TEXT_MAX)
			n = cut(text);
		else if (flush)
			n = left;
		else
			break;
		if ((size_t)(o - out) + n + overhead > out_size)
			break;
		o = put_record(o, time, stream, end ? 'F' : 'P', text, n);
		used += n + (end ? 1 : 0);
	}
	*out_len = (size_t)(o - out);
	return used;
}

int log_record_parse(const char *line, size_t len, struct log_record *out)
{
	const size_t head = LOG_TIME_LEN + 1 + STREAM_LEN + 3;
	const char *stream = line + LOG_TIME_LEN + 1, *tag = stream + STREAM_LEN + 1;
	uint64_t ns;

	if (len < head || line[LOG_TIME_LEN] != ' ' || tag[-1] != ' ' || tag[1] != ' ' || (*tag != 'F' && *tag != 'P') ||
	    log_time_parse(line, LOG_TIME_LEN, &ns) < 0)
		return -1;
	for (int i = 0; i < LOG_STREAMS; i++)
		if (memcmp(stream, names[i], STREAM_LEN) == 0) {
			*out = (struct log_record){ line, (enum log_stream)i, *tag == 'P', line + head, len - head };
			return 0;
		}
	return -1;
}
