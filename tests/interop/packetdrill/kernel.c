// SPDX-License-Identifier: BSD-3-Clause
// packetdrill's code blocks look at tcp_info, which it asks of the C library, past the plug-in.
// Where the plug-in is preloaded too, its getsockopt comes first and answers for our descriptors.
#include "kernel.h"

#include <sys/syscall.h>
#include <unistd.h>

enum {
	LEVEL_TCP = 6, // the kernel's numbers: its header of TCP has names that are ours too
	OPTION_INFO = 11,
	OPTION_CC_INFO = 26,
	OPTION_MEMINFO = 55,
	NO_THRESHOLD = 0x7fffffff,
};

// The kernel's struct tcp_info as far as it is filled here.
struct kernel_info {
	uint8_t bytes[8];
	uint32_t rto;
	uint32_t ato;
	uint32_t snd_mss;
	uint32_t rcv_mss;
	uint32_t unacked;
	uint32_t unknown[8];
	uint32_t pmtu;
	uint32_t unknown_too;
	uint32_t rtt;
	uint32_t rttvar;
	uint32_t snd_ssthresh;
	uint32_t snd_cwnd;
};
static_assert(offsetof(struct kernel_info, snd_cwnd) == 80);

static struct stack *known;

void kernel_answers_for(struct stack *stack)
{
	known = stack;
}

static void info_write(struct stack *s, const struct stack_socket *socket, void *value, socklen_t n)
{
	struct kernel_info out = {0};
	struct tcp_info info;

	tcp_info_get(s->engine, socket->connection, &info);
	out.rto = info.rto_us;
	out.snd_mss = info.mss;
	out.unacked = (info.send_next - info.send_unacknowledged + info.mss - 1) / info.mss;
	out.rtt = info.round_trip_us;
	out.snd_ssthresh = info.slow_start_threshold == UINT32_MAX
				   ? NO_THRESHOLD
				   : info.slow_start_threshold / info.mss;
	out.snd_cwnd = info.congestion_window / info.mss;
	memcpy(value, &out, u32_min(n, sizeof(out)));
}

static bool answer(int fd, int level, int name, void *value, socklen_t *n)
{
	struct stack_socket *socket;
	bool ours;

	pthread_mutex_lock(&known->lock);
	socket = stack_socket_of(known, fd);
	ours = socket && socket->connection != TCP_NONE;
	if (ours)
		memset(value, 0, *n);
	if (ours && level == LEVEL_TCP && name == OPTION_INFO)
		info_write(known, socket, value, *n);
	else if (ours && level == LEVEL_TCP && name == OPTION_CC_INFO)
		*n = 0;
	else if (level != SOL_SOCKET || name != OPTION_MEMINFO)
		ours = false;
	pthread_mutex_unlock(&known->lock);
	return ours;
}

__attribute__((visibility("default"))) int getsockopt(
	int fd, int level, int name, void *value, socklen_t *n)
{
	if (known && answer(fd, level, name, value, n))
		return 0;
	return (int)syscall(SYS_getsockopt, fd, level, name, value, n);
}
