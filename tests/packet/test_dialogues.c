// SPDX-License-Identifier: BSD-3-Clause
// The TCP tracker packet by packet, each test named after the behaviour it shows.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "script.h"

#define OPEN                                                                                       \
	"> S 0 mss 1460 scale 7 ts 100\n"                                                          \
	"< SA 0 ack 1 mss 1460 scale 7 ts 900\n"                                                   \
	"> A 1 ack 1 win 512\n"                                                                    \
	"state established\n"

#define DIALOGUE(name, text)                                                                       \
	static void name(void **state)                                                             \
	{                                                                                          \
		(void)state;                                                                       \
		script_run(text);                                                                  \
	}

DIALOGUE(handshake_data_and_close, "> S 0\n"
				   "state new\n"
				   "< SA 0 ack 1\n"
				   "state syn_received\n"
				   "live 1\n"
				   "> A 1 ack 1\n"
				   "state established\n"
				   "> PA 1+100 ack 1\n"
				   "< PA 1+1400 ack 101\n"
				   "> FA 101 ack 1401\n"
				   "state client_closed\n"
				   "< FA 1401 ack 102\n"
				   "state closing\n"
				   "> A 102 ack 1402\n"
				   "state time_wait\n"
				   "live 0\n"
				   "sessions 1\n"
				   "wait 11\n"
				   "sessions 0\n"
				   "resets 0\n")

DIALOGUE(half_close_keeps_other_direction, OPEN "> FA 1 ack 1 win 512\n"
						"< A 1 ack 2\n"
						"state client_closed\n"
						"wait 600\n"
						"< PA 1+1400 ack 2 win 512\n"
						"> A 2 ack 1401 win 512\n"
						"wait 600\n"
						"< PA 1401+1400 ack 2 win 512\n"
						"> A 2 ack 2801 win 512\n"
						"state client_closed\n"
						"< FA 2801 ack 2 win 512\n"
						"> A 2 ack 2802 win 512\n"
						"state time_wait\n")

DIALOGUE(target_closes_first, OPEN "< FA 1 ack 1\n"
				   "state target_closed\n"
				   "> A 1 ack 2\n"
				   "> PA 1+10 ack 2\n"
				   "> FA 11 ack 2\n"
				   "< A 2 ack 12\n"
				   "state time_wait\n")

DIALOGUE(simultaneous_close, OPEN "> FA 1 ack 1\n"
				  "< FA 1 ack 1\n"
				  "state closing\n"
				  "> A 2 ack 2\n"
				  "state closing\n"
				  "< A 2 ack 2\n"
				  "state time_wait\n")

DIALOGUE(simultaneous_open, "> S 0 scale 7\n"
			    "< S 0 scale 7\n"
			    "state new\n"
			    "> SA 0 ack 1 scale 7\n"
			    "< SA 0 ack 1 scale 7\n"
			    "state established\n"
			    "> PA 1+10 ack 1\n")

// What a blind attacker can get past the window checks must not shut out the real ends.
DIALOGUE(forged_syn_of_the_target_changes_nothing, "> S 0 scale 7\n"
						   "< S 700000\n"
						   "state new\n"
						   "< SA 0 ack 1 scale 7\n"
						   "> A 1 ack 1 win 512\n"
						   "state established\n"
						   "< PA 1+1000 ack 1 win 512\n")

DIALOGUE(forged_data_at_the_windows_edge_shuts_nobody_out, OPEN "< A 1 ack 1 win 512\n"
								"> PA 65536+1400 ack 1 win 512\n"
								"> PA 1+1000 ack 1 win 512\n"
								"< A 1 ack 1001 win 512\n"
								"> PA 1001+1000 ack 1 win 512\n"
								"< FA 1 ack 2001 win 512\n"
								"state target_closed\n")

DIALOGUE(fin_below_what_was_sent_does_not_close, OPEN "> PA 1+1400 ack 1 win 512\n"
						      "< A 1 ack 1401 win 512\n"
						      "> FA 100 ack 1 win 512\n"
						      "state established\n"
						      "> PA 1401+1000 ack 1 win 512\n"
						      "> FA 2401 ack 1 win 512\n"
						      "state client_closed\n")

DIALOGUE(syn_is_retransmitted, "> S 0\n"
			       "wait 1\n"
			       "> S 0\n"
			       "wait 2\n"
			       "> S 0\n"
			       "state new\n"
			       "sessions 1\n"
			       "< SA 0 ack 1\n"
			       "< SA 0 ack 1\n"
			       "> S 0\n"
			       "state syn_received\n"
			       "> A 1 ack 1\n"
			       "< SA 0 ack 1\n"
			       "> A 1 ack 1\n"
			       "state established\n")

DIALOGUE(syn_with_another_number_begins_again, "> S 0\n"
					       "> S 7000\n"
					       "sessions 1\n"
					       "< SA 0 ack 7001\n"
					       "> A 7001 ack 1\n"
					       "state established\n")

DIALOGUE(refused_connection_is_reset, "> S 0\n"
				      "< RA 0 ack 1\n"
				      "state reset\n"
				      "live 0\n"
				      "wait 11\n"
				      "sessions 0\n"
				      "resets 0\n")

DIALOGUE(reset_of_a_syn_must_acknowledge_it, "> S 0\n"
					     "< R 0 = tcp_out_of_window\n"
					     "< RA 0 ack 2 = tcp_out_of_window\n"
					     "state new\n")

DIALOGUE(client_resets_right_after_its_syn, "> S 0\n"
					    "> R 1\n"
					    "state reset\n"
					    "< SA 0 ack 1\n"
					    "> R 1\n"
					    "wait 11\n"
					    "sessions 0\n")

DIALOGUE(new_syn_after_a_refusal_opens_again, "> S 0\n"
					      "< RA 0 ack 1\n"
					      "> S 9000\n"
					      "state new\n"
					      "sessions 1\n"
					      "< SA 0 ack 9001\n")

DIALOGUE(challenge_of_an_old_connection_reaches_the_client, "> S 0\n"
							    "< A 77 ack 40000\n"
							    "state new\n"
							    "> R 40000\n"
							    "state new\n"
							    "> S 0\n"
							    "< SA 0 ack 1\n"
							    "> A 1 ack 1\n"
							    "state established\n")

DIALOGUE(syn_ack_with_a_wrong_number_is_for_the_client_to_reset, "> S 0\n"
								 "< SA 0 ack 500\n"
								 "< SA 0 ack 0\n"
								 "state new\n"
								 "> R 500\n"
								 "state new\n"
								 "< SA 0 ack 1\n"
								 "state syn_received\n")

DIALOGUE(data_on_the_syn_may_be_acknowledged_in_part, "> S 0+100\n"
						      "< SA 0 ack 1\n"
						      "> PA 1+100 ack 1\n"
						      "state established\n")

DIALOGUE(reset_with_the_exact_number_ends, OPEN "> PA 1+100 ack 1\n"
						"< A 1 ack 101\n"
						"> R 101\n"
						"state reset\n"
						"live 0\n")

DIALOGUE(reset_that_answers_data_ends, OPEN "< PA 1+100 ack 1\n"
					    "> R 1\n"
					    "state reset\n")

DIALOGUE(reset_after_lost_data_ends, OPEN "> PA 1+100 ack 1\n"
					  "> PA 101+100 ack 1\n"
					  "> RA 201 ack 1\n"
					  "state reset\n")

DIALOGUE(out_of_window_reset_is_ignored, OPEN "< R 300000000 = tcp_out_of_window\n"
					      "> R 300000000 = tcp_out_of_window\n"
					      "< R -300000000 = tcp_out_of_window\n"
					      "state established\n"
					      "> PA 1+100 ack 1\n"
					      "< A 1 ack 101\n")

DIALOGUE(in_window_reset_with_a_wrong_number_does_not_end, OPEN "< R 500\n"
								"state established\n"
								"> A 1 ack 1\n"
								"< PA 1+100 ack 1\n"
								"state established\n"
								"live 1\n")

DIALOGUE(reset_does_not_shorten_time_wait, OPEN "> FA 1 ack 1\n"
						"< FA 1 ack 2\n"
						"> A 2 ack 2\n"
						"> R 2\n"
						"state time_wait\n")

DIALOGUE(data_beyond_the_window_is_dropped, "> S 0 win 1000\n"
					    "< SA 0 ack 1 win 1000\n"
					    "> A 1 ack 1 win 1000\n"
					    "> PA 1+1000 ack 1 win 1000\n"
					    "> PA 1002+10 ack 1 win 1000 = tcp_out_of_window\n"
					    "< PA 1+500 ack 1 win 1000\n"
					    "< PA 501+500 ack 1 win 1000\n"
					    "< PA 3000+10 ack 1 win 1000 = tcp_out_of_window\n"
					    "state established\n")

DIALOGUE(window_probe_passes, "> S 0 win 1000\n"
			      "< SA 0 ack 1 win 100\n"
			      "> A 1 ack 1 win 1000\n"
			      "> PA 1+100 ack 1 win 1000\n"
			      "< A 1 ack 101 win 0\n"
			      "wait 1\n"
			      "> A 101+1 ack 1 win 1000\n"
			      "< A 1 ack 101 win 0\n"
			      "> A 101+1 ack 1 win 1000\n"
			      "< A 1 ack 102 win 100\n"
			      "> PA 102+100 ack 1 win 1000\n")

DIALOGUE(keepalive_passes, OPEN "> PA 1+100 ack 1\n"
				"< A 1 ack 101\n"
				"wait 1000\n"
				"> A 100 ack 1\n"
				"< A 1 ack 101\n"
				"> A 100+1 ack 1\n"
				"state established\n")

DIALOGUE(window_scale_opens_the_window, "> S 0 win 65535 scale 7\n"
					"< SA 0 ack 1 win 65535 scale 7\n"
					"> A 1 ack 1 win 65535\n"
					"< A 1 ack 1 win 65535\n"
					"> PA 8000000+100 ack 1\n"
					"< PA 8000000+100 ack 1\n"
					"> PA 8400000+100 ack 1 = tcp_out_of_window\n")

DIALOGUE(window_scale_needs_both_sides, "> S 0 win 65535 scale 7\n"
					"< SA 0 ack 1 win 65535\n"
					"> A 1 ack 1 win 65535\n"
					"< A 1 ack 1 win 65535\n"
					"< PA 70000+100 ack 1 = tcp_out_of_window\n"
					"> PA 70000+100 ack 1 = tcp_out_of_window\n"
					"> PA 60000+100 ack 1\n")

DIALOGUE(acknowledgement_of_unsent_data_is_dropped, OPEN "< A 1 ack 5000 = tcp_out_of_window\n"
							 "> A 1 ack 5000 = tcp_out_of_window\n"
							 "< A 1 ack -200000 = tcp_out_of_window\n")

DIALOGUE(fin_is_retransmitted, OPEN "> FA 1 ack 1\n"
				    "> FA 1 ack 1\n"
				    "state client_closed\n"
				    "< FA 1 ack 2\n"
				    "< FA 1 ack 2\n"
				    "state closing\n"
				    "> A 2 ack 2\n"
				    "< FA 1 ack 2\n"
				    "> A 2 ack 2\n"
				    "state time_wait\n")

DIALOGUE(data_after_fin_is_dropped, OPEN "> FA 1 ack 1\n"
					 "> PA 2+10 ack 1 = tcp_bad_state\n"
					 "< A 1 ack 2\n"
					 "state client_closed\n")

DIALOGUE(retransmitted_data_passes_after_fin, OPEN "> PA 1+100 ack 1\n"
						   "> FA 101 ack 1\n"
						   "> PA 1+100 ack 1\n"
						   "< A 1 ack 102\n"
						   "state client_closed\n")

DIALOGUE(segment_without_acknowledgement_number_is_refused, "> S 0\n"
							    "> A 1 ack 1 = tcp_bad_state\n"
							    "> FA 1 ack 1 = tcp_bad_state\n"
							    "< FA 1 ack 1 = tcp_bad_state\n"
							    "state new\n")

DIALOGUE(segment_of_unknown_session_is_left_to_the_local_stage, "> A 1 ack 1 = local\n"
								"> SA 1 ack 1 = local\n"
								"> FA 1 ack 1 = local\n"
								"> R 1 = local\n"
								"sessions 0\n")

#define CLOSED_BY_CLIENT                                                                           \
	OPEN "> FA 1 ack 1 ts 110\n"                                                               \
	     "< FA 1 ack 2 ts 910\n"                                                               \
	     "> A 2 ack 2 ts 111\n"                                                                \
	     "state time_wait\n"

DIALOGUE(time_wait_reuse_by_a_newer_timestamp, CLOSED_BY_CLIENT "> S -5000 scale 7 ts 200\n"
								"state new\n"
								"sessions 1\n"
								"live 1\n"
								"< SA 70000 ack -4999 scale 7\n"
								"> A -4999 ack 70001\n"
								"state established\n")

DIALOGUE(time_wait_reuse_by_a_higher_sequence, "> S 0\n"
					       "< SA 0 ack 1\n"
					       "> A 1 ack 1\n"
					       "> FA 1 ack 1\n"
					       "< FA 1 ack 2\n"
					       "> A 2 ack 2\n"
					       "> S 5000\n"
					       "state new\n")

DIALOGUE(time_wait_refuses_an_old_duplicate_syn,
	CLOSED_BY_CLIENT "> S 0 scale 7 ts 100 = tcp_bad_state\n"
			 "state time_wait\n"
			 "> S -5000 = tcp_bad_state\n"
			 "wait 11\n"
			 "> S -5000\n"
			 "state new\n")

DIALOGUE(client_that_lost_its_connection_recovers, OPEN "wait 10\n"
							"> S 90000000\n"
							"state established\n"
							"< A 1 ack 1\n"
							"> R 1\n"
							"state reset\n"
							"> S 90000000\n"
							"state new\n"
							"< SA 0 ack 90000001\n"
							"> A 90000001 ack 1\n"
							"state established\n")

DIALOGUE(handshake_that_nobody_answers_ends, "> S 0\n"
					     "wait 6\n"
					     "sessions 0\n"
					     "resets 0\n")

DIALOGUE(half_open_target_is_reset, "> S 0\n"
				    "< SA 0 ack 1\n"
				    "wait 6\n"
				    "sessions 0\n"
				    "resets 1\n")

DIALOGUE(idle_connection_ends_with_resets_both_ways, OPEN "wait 7000\n"
							  "> A 1 ack 1\n"
							  "wait 7000\n"
							  "state established\n"
							  "wait 500\n"
							  "sessions 0\n"
							  "resets 2\n")

DIALOGUE(lost_last_acknowledgement_ends_after_four_minutes, OPEN "> FA 1 ack 1\n"
								 "< FA 1 ack 2\n"
								 "state closing\n"
								 "wait 200\n"
								 "sessions 1\n"
								 "wait 300\n"
								 "sessions 0\n")

DIALOGUE(mss_that_fits_is_left_alone, "> S 0 mss 1000\n"
				      "out mss 1000\n"
				      "< SA 0 ack 1 mss 1400\n"
				      "out mss 1400\n")

DIALOGUE(two_clients_do_not_meet, "> S 0\n"
				  "port 40001\n"
				  "> S 100\n"
				  "sessions 2\n"
				  "< SA 0 ack 101\n"
				  "> A 101 ack 1\n"
				  "state established\n"
				  "port 40000\n"
				  "> A 1 ack 1 = tcp_bad_state\n")

#define T(name) cmocka_unit_test(name)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(handshake_data_and_close),
		T(half_close_keeps_other_direction),
		T(target_closes_first),
		T(simultaneous_close),
		T(simultaneous_open),
		T(forged_syn_of_the_target_changes_nothing),
		T(forged_data_at_the_windows_edge_shuts_nobody_out),
		T(fin_below_what_was_sent_does_not_close),
		T(syn_is_retransmitted),
		T(syn_with_another_number_begins_again),
		T(refused_connection_is_reset),
		T(reset_of_a_syn_must_acknowledge_it),
		T(client_resets_right_after_its_syn),
		T(new_syn_after_a_refusal_opens_again),
		T(challenge_of_an_old_connection_reaches_the_client),
		T(syn_ack_with_a_wrong_number_is_for_the_client_to_reset),
		T(data_on_the_syn_may_be_acknowledged_in_part),
		T(reset_with_the_exact_number_ends),
		T(reset_that_answers_data_ends),
		T(reset_after_lost_data_ends),
		T(out_of_window_reset_is_ignored),
		T(in_window_reset_with_a_wrong_number_does_not_end),
		T(reset_does_not_shorten_time_wait),
		T(data_beyond_the_window_is_dropped),
		T(window_probe_passes),
		T(keepalive_passes),
		T(window_scale_opens_the_window),
		T(window_scale_needs_both_sides),
		T(acknowledgement_of_unsent_data_is_dropped),
		T(fin_is_retransmitted),
		T(data_after_fin_is_dropped),
		T(retransmitted_data_passes_after_fin),
		T(segment_without_acknowledgement_number_is_refused),
		T(segment_of_unknown_session_is_left_to_the_local_stage),
		T(time_wait_reuse_by_a_newer_timestamp),
		T(time_wait_reuse_by_a_higher_sequence),
		T(time_wait_refuses_an_old_duplicate_syn),
		T(client_that_lost_its_connection_recovers),
		T(handshake_that_nobody_answers_ends),
		T(half_open_target_is_reset),
		T(idle_connection_ends_with_resets_both_ways),
		T(lost_last_acknowledgement_ends_after_four_minutes),
		T(mss_that_fits_is_left_alone),
		T(two_clients_do_not_meet),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
