/* SPDX-License-Identifier: MIT */
/*
 * bars.h - bars in text: of block characters if the locale is UTF-8, otherwise of '#'.
 */
#ifndef STAT_REPORT_BARS_H
#define STAT_REPORT_BARS_H

/* Writes to standard output: width columns stand for most. Anything above zero shows. */
void bars_put(double amount, double most, int width);

#endif
