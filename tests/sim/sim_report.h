// sim_report.h: a card that answers what stands in a report of a card (examples/report.c).
// SPDX-License-Identifier: 0BSD
//
// It has no PIN and no keys: it shows what the card shows that was reported, to commands that the
// report has or that mean the same: a file is found by its path however it is selected, read in any
// pieces, with extended length where the card took that. Else it is 6A82, and 6D00 to an
// instruction that the report does not have. An empty VERIFY is 63C3, any other 6982.
#ifndef SIM_REPORT_H
#define SIM_REPORT_H

#include "sim.h"

// text: the report; it is needed only for the call. Aborts when it has no ATR.
struct sim_card *sim_report_new(const char *text);

#endif
