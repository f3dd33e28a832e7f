// SPDX-License-Identifier: BSD-3-Clause

#include "daemon/start/privileges.h"

#include <cap-ng.h>
#include <sched.h>
#include <seccomp.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include "daemon/events/log.h"

// What opening a port, following its link and answering for it take.
static const unsigned KEPT[] = {CAP_NET_ADMIN, CAP_NET_RAW, CAP_IPC_LOCK, CAP_SYS_NICE};

// A deny list: DPDK's drivers make system calls that differ from release to release, and an allow
// list that kills the data plane at one of them would do more harm than it averts. These are what
// an intruder wants and no part of the daemon ever calls.
static const char *const DENIED[] = {"execve", "execveat", "fork", "vfork", "ptrace",
	"process_vm_readv", "process_vm_writev", "kexec_load", "kexec_file_load", "init_module",
	"finit_module", "delete_module", "mount", "umount2", "move_mount", "open_tree", "fsopen",
	"fsmount", "pivot_root", "chroot", "setns", "unshare", "reboot", "swapon", "swapoff",
	"sethostname", "setdomainname", "settimeofday", "clock_settime", "clock_adjtime",
	"adjtimex", "acct", "quotactl", "add_key", "request_key", "keyctl", "userfaultfd", "setuid",
	"setgid", "setreuid", "setregid", "setresuid", "setresgid", "setgroups",
	"open_by_handle_at", "name_to_handle_at", "personality", "iopl", "ioperm", "mknod",
	"mknodat"};

// A sanitizer looks for leaks at the end by tracing the process from a clone of it.
#if defined(__has_feature)
#	if __has_feature(address_sanitizer)
#		define SANITIZED true
#	endif
#endif
#if defined(__SANITIZE_ADDRESS__)
#	define SANITIZED true
#endif
#ifndef SANITIZED
#	define SANITIZED false
#endif

// Limits are others' to raise again, and debuggers make dumps of their own: they ask the kernel
// which kinds of memory belong into one. None.
static void dumps_empty(void)
{
	FILE *filter = fopen("/proc/self/coredump_filter", "we");

	if (filter == NULL || fputs("0", filter) == EOF)
		log_line(LOG_LEVEL_WARNING, "/proc/self/coredump_filter: %s", strerror(errno));
	if (filter != NULL && fclose(filter) != 0)
		log_line(LOG_LEVEL_WARNING, "/proc/self/coredump_filter: %s", strerror(errno));
}

// Only whoever starts nexpathd can have it leave core files, no configuration.
bool privileges_begin(void)
{
	const struct rlimit none = {0, 0};

	if (getenv("NEXPATH_CORE_DUMPS") != NULL)
		return true;
	setrlimit(RLIMIT_CORE, &none);
	dumps_empty();
	if (!SANITIZED)
		prctl(PR_SET_DUMPABLE, 0);
	return false;
}

void privileges_drop_capabilities(const struct config *config)
{
	const struct config_port *ports = config_ports(config);
	static const unsigned XDP[] = {CAP_BPF, CAP_SYS_RESOURCE};
	unsigned wanted[nx_array_size(KEPT) + nx_array_size(XDP)];
	size_t count = nx_array_size(KEPT);
	bool xdp = false;

	memcpy(wanted, KEPT, sizeof(KEPT));
	for (uint32_t i = 0; i < config->ports.count; i++)
		xdp = xdp || strncmp(ports[i].device, "af_xdp:", 7) == 0;
	for (size_t i = 0; xdp && i < nx_array_size(XDP); i++)
		wanted[count++] = XDP[i];
	capng_get_caps_process();
	// Those that the process does not hold cannot be asked for.
	for (size_t i = 0; i < count; i++)
		if (!capng_have_capability(CAPNG_PERMITTED, wanted[i]))
			wanted[i--] = wanted[--count];
	capng_clear(CAPNG_SELECT_CAPS);
	for (size_t i = 0; i < count; i++)
		capng_update(CAPNG_ADD, CAPNG_EFFECTIVE | CAPNG_PERMITTED, wanted[i]);
	if (capng_apply(CAPNG_SELECT_CAPS) != 0)
		log_line(LOG_LEVEL_WARNING, "capabilities could not be dropped");
}

bool privileges_hold_bpf(void)
{
	capng_get_caps_process();
	return capng_have_capability(CAPNG_EFFECTIVE, CAP_BPF) != 0;
}

// fork by another name: clone without CLONE_THREAD. clone3 hides its flags from the filter; the C
// library goes on with clone when there is none.
static int clone_deny(scmp_filter_ctx filter)
{
	int status = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(clone), 1,
		SCMP_A0(SCMP_CMP_MASKED_EQ, CLONE_THREAD, 0));

	return status != 0 ? status
			   : seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);
}

static void calls_deny(void)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
	int status = filter == NULL ? -ENOMEM : 0;

	for (size_t i = 0; status == 0 && i < nx_array_size(DENIED); i++) {
		int number = seccomp_syscall_resolve_name(DENIED[i]);

		if (number != __NR_SCMP_ERROR)
			status = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), number, 0);
	}
	if (status == 0)
		status = clone_deny(filter);
	// Every thread of the process, workers included.
	if (status == 0)
		status = seccomp_attr_set(filter, SCMP_FLTATR_CTL_TSYNC, 1);
	if (status == 0)
		status = seccomp_load(filter);
	if (status != 0)
		log_line(LOG_LEVEL_WARNING, "system calls could not be limited: %s",
			strerror(-status));
	seccomp_release(filter);
}

void privileges_drop(struct daemon *daemon)
{
	if (daemon->privileges_dropped || daemon->node == NULL)
		return;
	daemon->privileges_dropped = true;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
		log_line(LOG_LEVEL_WARNING, "no_new_privs: %s", strerror(errno));
	if (!SANITIZED)
		calls_deny();
}
