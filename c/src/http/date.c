/*
 * The calendar is computed here: libc's functions take a lock, read the locale or the time zone,
 * and none of them both reads and writes GMT everywhere. Days are counted from 1 March of year 0
 * in eras of 400 years, so that the leap day is the last of its year.
 */
#include "http/date.h"

#define DAYS_TO_EPOCH  719468 /* from 0000-03-01 to 1970-01-01 */
#define DAYS_IN_ERA    146097
#define SECONDS_IN_DAY 86400
#define EARLIEST       INT64_C(-62167219200) /* 0000-01-01 00:00:00 */
#define LATEST         INT64_C(253402300799) /* 9999-12-31 23:59:59 */

static const char day_names[] = "SunMonTueWedThuFriSat";
static const char month_names[] = "JanFebMarAprMayJunJulAugSepOctNovDec";

typedef struct civil {
    int year;
    int month; /* from 1 */
    int day;   /* from 1 */
} civil_t;

static civil_t civil_of_days(int64_t days)
{
    int64_t shifted = days + DAYS_TO_EPOCH;
    int64_t era = (shifted >= 0 ? shifted : shifted - (DAYS_IN_ERA - 1)) / DAYS_IN_ERA;
    int day_of_era = (int)(shifted - era * DAYS_IN_ERA);
    int year =
        (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / (DAYS_IN_ERA - 1)) /
        365;
    int day_of_year = day_of_era - (365 * year + year / 4 - year / 100);
    int month = (5 * day_of_year + 2) / 153; /* from March */
    civil_t civil;
    civil.day = day_of_year - (153 * month + 2) / 5 + 1;
    civil.month = month < 10 ? month + 3 : month - 9;
    civil.year = (int)(era * 400) + year + (civil.month <= 2);
    return civil;
}

static int64_t days_of_civil(civil_t civil)
{
    int64_t year = civil.year - (civil.month <= 2);
    int64_t era = (year >= 0 ? year : year - 399) / 400;
    int year_of_era = (int)(year - era * 400);
    int month = civil.month > 2 ? civil.month - 3 : civil.month + 9;
    int day_of_year = (153 * month + 2) / 5 + civil.day - 1;
    int day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    return era * DAYS_IN_ERA + day_of_era - DAYS_TO_EPOCH;
}

static void put(char *out, int value, int digits)
{
    for (int i = digits - 1; i >= 0; i--, value /= 10)
        out[i] = (char)('0' + value % 10);
}

void cz_date_format(int64_t seconds, char out[CZ_DATE_SIZE])
{
    seconds = seconds < EARLIEST ? EARLIEST : seconds > LATEST ? LATEST : seconds;
    int64_t days = seconds / SECONDS_IN_DAY;
    int rest = (int)(seconds % SECONDS_IN_DAY);
    if (rest < 0) {
        rest += SECONDS_IN_DAY;
        days--;
    }
    civil_t civil = civil_of_days(days);
    int weekday = (int)((days % 7 + 11) % 7); /* the epoch was a Thursday */
    memcpy(out, "Sun, 06 Nov 1994 08:49:37 GMT", CZ_DATE_SIZE);
    memcpy(out, day_names + (size_t)weekday * 3, 3);
    put(out + 5, civil.day, 2);
    memcpy(out + 8, month_names + (size_t)(civil.month - 1) * 3, 3);
    put(out + 12, civil.year, 4);
    put(out + 17, rest / 3600, 2);
    put(out + 20, rest / 60 % 60, 2);
    put(out + 23, rest % 60, 2);
}

typedef struct reading {
    civil_t civil;
    int hour, minute, second;
    bool short_year;
} reading_t;

static bool digits(const char **at, const char *end, int count, int *out)
{
    int value = 0;
    if (end - *at < count)
        return false;
    for (int i = 0; i < count; i++) {
        char c = (*at)[i];
        if (c < '0' || c > '9')
            return false;
        value = value * 10 + (c - '0');
    }
    *at += count;
    *out = value;
    return true;
}

/* Which of the three-letter `names` stands at `*at`, from 0; -1 for none. */
static int name(const char **at, const char *end, const char *names, int count)
{
    if (end - *at < 3)
        return -1;
    for (int i = 0; i < count; i++)
        if (memcmp(*at, names + (size_t)i * 3, 3) == 0) {
            *at += 3;
            return i;
        }
    return -1;
}

/* Reads what one letter of a pattern stands for, or the letter itself. */
static bool field(char kind, const char **at, const char *end, reading_t *out)
{
    switch (kind) {
    case 'W':
        return name(at, end, day_names, 7) >= 0;
    case 'N':
        out->civil.month = name(at, end, month_names, 12) + 1;
        return out->civil.month > 0;
    case 'Y':
        return digits(at, end, 4, &out->civil.year);
    case 'y':
        out->short_year = true;
        return digits(at, end, 2, &out->civil.year);
    case 'd':
        if (*at < end && **at == ' ') {
            ++*at;
            return digits(at, end, 1, &out->civil.day);
        }
        return digits(at, end, 2, &out->civil.day);
    case 'D':
        return digits(at, end, 2, &out->civil.day);
    case 'h':
        return digits(at, end, 2, &out->hour);
    case 'm':
        return digits(at, end, 2, &out->minute);
    case 's':
        return digits(at, end, 2, &out->second);
    default:
        return *at < end && *(*at)++ == kind;
    }
}

/*
 * In a pattern D, h, m and s are two digits, d a day whose first digit may be a space, Y and y the
 * year in four and two digits, N the month's name and W the weekday's.
 */
static bool read_along(const char *pattern, const char *at, const char *end, reading_t *out)
{
    for (; *pattern != '\0'; pattern++)
        if (!field(*pattern, &at, end, out))
            return false;
    return at == end;
}

static bool is_possible(const reading_t *reading)
{
    static const int lengths[] = {31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    civil_t civil = reading->civil;
    if (civil.day < 1 || civil.day > lengths[civil.month - 1])
        return false;
    bool leap = (civil.year % 4 == 0 && civil.year % 100 != 0) || civil.year % 400 == 0;
    if (civil.month == 2 && civil.day == 29 && !leap)
        return false;
    return reading->hour < 24 && reading->minute < 60 && reading->second <= 60;
}

bool cz_date_parse(catzilla_slice_t text, int64_t *out)
{
    if (text.size < 4)
        return false;
    const char *at = text.data;
    const char *end = text.data + text.size;
    reading_t reading = {.short_year = false};
    bool read = false;
    if (at[3] == ',')
        read = read_along("W, D N Y h:m:s GMT", at, end, &reading);
    else if (at[3] == ' ')
        read = read_along("W N d h:m:s Y", at, end, &reading);
    else if ((at = memchr(at, ',', text.size)) != NULL)
        read = read_along(", D-N-y h:m:s GMT", at, end, &reading);
    /* Two digits mean the year of the last hundred; no cache is older than this program. */
    if (reading.short_year)
        reading.civil.year += reading.civil.year < 70 ? 2000 : 1900;
    if (!read || !is_possible(&reading))
        return false;
    *out = days_of_civil(reading.civil) * SECONDS_IN_DAY + reading.hour * 3600 +
           reading.minute * 60 + reading.second;
    return true;
}
