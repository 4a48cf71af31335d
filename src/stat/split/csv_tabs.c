/* SPDX-License-Identifier: MIT */
/* csv_tabs.c - fields between tabs. */
#include "config.h"

#include "stat/split/csv_tabs.h"

static void end_field(struct csv_tabs *tabs)
{
    tabs->field(tabs->text.data, tabs->text.size, tabs->context);
    tabs->text.size = 0;
    tabs->state = CSV_TABS_START;
}

static void end_record(struct csv_tabs *tabs, int terminator)
{
    if (!tabs->in_record)
        return;
    end_field(tabs);
    tabs->record(terminator, tabs->context);
    tabs->in_record = false;
}

static void take_quoted(struct csv_tabs *tabs, char c)
{
    if (c == '"')
        tabs->state = CSV_TABS_QUOTE;
    else
        bytes_append(&tabs->text, &c, 1);
}

static void take_quote(struct csv_tabs *tabs)
{
    switch (tabs->state) {
    case CSV_TABS_START:
        tabs->state = CSV_TABS_QUOTED;
        tabs->in_record = true;
        break;
    case CSV_TABS_QUOTE:
        tabs->state = CSV_TABS_QUOTED;
        bytes_append(&tabs->text, "\"", 1);
        break;
    default:
        bytes_append(&tabs->text, "\"", 1);
    }
}

static void take_bare(struct csv_tabs *tabs, char c)
{
    switch (c) {
    case '"':
        take_quote(tabs);
        return;
    case '\n':
    case '\r':
        end_record(tabs, c);
        return;
    case '\t':
        end_field(tabs);
        break;
    default:
        tabs->state = CSV_TABS_BARE;
        bytes_append(&tabs->text, &c, 1);
    }
    tabs->in_record = true;
}

void csv_tabs_parse(struct csv_tabs *tabs, const char *data, size_t size)
{
    for (size_t i = 0; i < size; i++)
        if (tabs->state == CSV_TABS_QUOTED)
            take_quoted(tabs, data[i]);
        else
            take_bare(tabs, data[i]);
}

bool csv_tabs_finish(struct csv_tabs *tabs)
{
    if (tabs->state == CSV_TABS_QUOTED)
        return false;
    end_record(tabs, -1);
    return true;
}

void csv_tabs_free(struct csv_tabs *tabs)
{
    bytes_free(&tabs->text);
}
