// SPDX-License-Identifier: GPL-2.0-only
/* Signals that ask for an end, noted until there is time for one. */
#include "interrupt.h"

#include <errno.h>
#include <signal.h>
#include <string.h>

#include "ctl.h"
#include "report.h"

static volatile sig_atomic_t came;

static void note(int signal)
{
	came = signal;
}

void interrupt_catch(void)
{
	static const int signals[] = { SIGINT, SIGTERM, SIGHUP };
	struct sigaction sa = { .sa_handler = note };

	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
		sigaction(signals[i], &sa, NULL);
}

int interrupt_check(void)
{
	if (!came)
		return 0;
	return report(STATUS_REFUSED, EINTR, NULL, "ended by SIG%s (EINTR)",
		      sigabbrev_np(came));
}
