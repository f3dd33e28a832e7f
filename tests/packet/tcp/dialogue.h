// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// Dialogues of one TCP endpoint with a peer as text, a step a line, in virtual time. Each runs over
// IPv4 and IPv6 and over sequence numbers of the peer that wrap. Numbers are relative to each
// side's initial sequence number; `#` begins a comment. README.md has the words.

// Runs the dialogue in a file; fails the test with the file, the line and what came instead, and if
// anything is left behind.
void dialogue_run(const char *path);
