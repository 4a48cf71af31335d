/* SPDX-License-Identifier: MIT */
/* compare.cc - two reports that --json has written, side by side. */
#include "config.h"

extern "C" {
#include "stat/base/message.h"
#include "stat/base/terminal.h"
#include "stat/base/units.h"
#include "stat/input/source.h"
#include "stat/report/compare.h"
#include "stat/report/quote.h"
}

#include <cmath>
#include <cstdio>
#include <cstring>
#include <new>
#include <nlohmann/json.hpp>
#include <string>
#include <unistd.h>

namespace {

using nlohmann::json;

/* One line of the table. */
struct row {
    const char *label;
    const char *pointer; /* of the number in a report, RFC 6901 */
    unit_text (*show)(double number);
};

/* What is larger is in no report, and fits into no number of 64 bits. */
const double most = 1e18;

unit_text show_bytes(double bytes) { return unit_bytes(static_cast<int64_t>(bytes)); }
unit_text show_count(double count) { return unit_count(count > 0 ? static_cast<uint64_t>(count) : 0); }

unit_text show_one_digit(double number)
{
    unit_text text;
    std::snprintf(text.text, sizeof text.text, "%.1f", number);
    return text;
}

const row rows[] = {
    { "input", "/input_bytes", show_bytes },
    { "values", "/values", show_count },
    { "distinct", "/distinct", show_count },
    { "plain heap", "/plain/heap_bytes", show_bytes },
    { "interned heap", "/interned/heap_bytes", show_bytes },
    { "saved, percent", "/saved_percent", show_one_digit },
    { "bytes a value", "/interned/bytes_a_value", show_one_digit },
    { "repeats", "/verdict/repeats", show_one_digit },
    { "pays from", "/verdict/pays_from", show_one_digit },
    { "plain time", "/plain/seconds", unit_seconds },
    { "interned time", "/interned/seconds", unit_seconds },
};

/* A report may be compressed, as other files. */
bool read_all(const char *path, std::string &text)
{
    source file;
    if (!source_open(&file, path, SOURCE_MARK))
        return false;
    piece next;
    bool well;
    while ((well = source_next(&file, &next)) && next.size > 0)
        text.append(next.data, next.size);
    if (!well)
        complain("%s: %s", file.name, file.report.reason);
    source_close(&file);
    return well;
}

bool read(const char *path, json &report)
{
    std::string text;
    if (!read_all(path, text))
        return false;
    report = json::parse(text, nullptr, false);
    if (report.is_object() && report.contains("values") && report.contains("interned"))
        return true;
    complain("%s: not a report of hapax stat --json", path);
    return false;
}

bool number_at(const json &report, const row &row, double &number)
{
    const json::json_pointer pointer(row.pointer);
    if (!report.contains(pointer) || !report[pointer].is_number())
        return false;
    number = report[pointer].get<double>();
    return std::fabs(number) < most;
}

void put(const row &row, const json &first, const json &second)
{
    double a = 0, b = 0;
    bool has_a = number_at(first, row, a), has_b = number_at(second, row, b);
    char change[32] = "";
    if (has_a && has_b && a != 0)
        std::snprintf(change, sizeof change, "%+.1f %%", 100 * (b - a) / a);
    std::printf("  %-15s%15s%15s%12s\n", row.label, has_a ? row.show(a).text : "-",
                has_b ? row.show(b).text : "-", change);
}

/* In quotes: a name may hold anything. */
void put_name(const char *which, const char *path)
{
    std::printf("  %-8s", which);
    quote_put(path, std::strlen(path), true, terminal_width(STDOUT_FILENO) - 10);
    std::putchar('\n');
}

bool compare(const char *first_path, const char *second_path)
{
    json first, second;
    bool well = read(first_path, first);
    if (!read(second_path, second) || !well)
        return false;
    put_name("first", first_path);
    put_name("second", second_path);
    std::printf("\n  %-15s%15s%15s%12s\n", "", "first", "second", "change");
    for (const row &row : rows)
        put(row, first, second);
    return true;
}

} /* namespace */

extern "C" bool compare_reports(const char *first_path, const char *second_path)
{
    try {
        return compare(first_path, second_path);
    } catch (const std::bad_alloc &) {
        out_of_memory();
    }
}
