// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// Dialogues of one TCP connection as text, a step a line, run over IPv4 and IPv6 and over sequence
// numbers that wrap. Numbers are relative to each side's initial one.
//
//   > FLAGS SEQ[+LEN] [ack N] [win N] [mss N] [scale N] [ts N] [= RESULT]   client to target
//   < ...                                                                   target to client
//   port N              the client's next packets come from port N
//   wait N              seconds pass
//   state NAME          of the session that the last packet belonged to
//   sessions N          in the table
//   resets N            sent by the engine since the dialogue began
//   live N              sessions counted as live
//   out mss N           the last packet left with this option
//
// FLAGS: letters of S F R P A. RESULT: pass (the default), local, or the name of a drop reason.

#include "world.h"

// Runs a dialogue in a fresh world for each variant; fails the test with the line that went wrong,
// and if anything is left behind.
void script_run(const char *text);
