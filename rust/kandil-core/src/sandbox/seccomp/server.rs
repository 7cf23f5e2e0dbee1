//! The filter of a server: what is not listed fails with EPERM, as nothing that it needs does.
//!
//! No other program is run and no process started; no signal goes to others; no keyring of the kernel's is read; no
//! connection is made; no socket is there but TCP's, since Landlock rules on no other.

use super::{ALLOWED, ALLOWED_TO_THREADS, CLONE_DETACHED, Rules, THREAD, bits, compiled, is, plain, with_arguments};
use libc::{c_int, c_long};
use seccompiler::{BackendError, SeccompAction, SeccompCmpArgLen::Dword, SeccompCmpOp, SeccompCondition, SeccompRule};

const LISTED: &[c_long] = &[
    // Files: Landlock says which.
    libc::SYS_openat,
    libc::SYS_statx,
    libc::SYS_newfstatat,
    libc::SYS_statfs,
    libc::SYS_fstatfs,
    libc::SYS_faccessat,
    libc::SYS_faccessat2,
    libc::SYS_readlinkat,
    libc::SYS_getdents64,
    libc::SYS_getcwd,
    libc::SYS_readahead,
    libc::SYS_flock,
    libc::SYS_ioctl,
    // Connections that others make.
    libc::SYS_bind,
    libc::SYS_listen,
    libc::SYS_accept,
    libc::SYS_accept4,
    libc::SYS_getsockname,
    libc::SYS_getpeername,
    libc::SYS_setsockopt,
    libc::SYS_getsockopt,
    libc::SYS_shutdown,
    libc::SYS_recvfrom,
    libc::SYS_recvmsg,
    libc::SYS_pselect6,
    libc::SYS_epoll_create1,
    libc::SYS_epoll_ctl,
    libc::SYS_epoll_pwait,
    libc::SYS_eventfd2,
    libc::SYS_pipe2,
    libc::SYS_dup3,
    // Memory, code too, and where it and the threads lie.
    libc::SYS_mmap,
    libc::SYS_mprotect,
    libc::SYS_mlock,
    libc::SYS_mlock2,
    libc::SYS_munlock,
    libc::SYS_msync,
    libc::SYS_mincore,
    libc::SYS_mbind,
    libc::SYS_get_mempolicy,
    libc::SYS_set_mempolicy,
    libc::SYS_sched_setaffinity,
    libc::SYS_sched_getparam,
    libc::SYS_sched_getscheduler,
    libc::SYS_sched_setscheduler,
    libc::SYS_sched_get_priority_max,
    libc::SYS_sched_get_priority_min,
    libc::SYS_setpriority,
    libc::SYS_getpriority,
    libc::SYS_getppid,
    libc::SYS_getpgid,
    libc::SYS_getsid,
    libc::SYS_times,
    libc::SYS_rt_sigpending,
    libc::SYS_rt_sigsuspend,
    libc::SYS_rt_sigtimedwait,
];

/// The older names of calls above, which libraries of this architecture still use.
#[cfg(target_arch = "x86_64")]
const OLDER: &[c_long] = &[
    libc::SYS_open,
    libc::SYS_stat,
    libc::SYS_lstat,
    libc::SYS_access,
    libc::SYS_readlink,
    libc::SYS_getdents,
    libc::SYS_select,
    libc::SYS_epoll_create,
    libc::SYS_epoll_wait,
    libc::SYS_eventfd,
    libc::SYS_pipe,
    libc::SYS_dup2,
    libc::SYS_getrlimit,
    libc::SYS_getpgrp,
    libc::SYS_time,
    libc::SYS_arch_prctl,
];
#[cfg(not(target_arch = "x86_64"))]
const OLDER: &[c_long] = &[];

/// What drivers of GPUs do beside: memory with a name, and sockets of this machine's.
const TO_DRIVERS: &[c_long] = &[libc::SYS_memfd_create, libc::SYS_ftruncate, libc::SYS_socketpair, libc::SYS_connect];

/// Puts two filters on, of which the strictest answer counts.
pub(in crate::sandbox) fn restrict(devices: bool) -> Result<(), String> {
    let errno = |number: c_int| SeccompAction::Errno(number.cast_unsigned());
    let filters = [
        // glibc goes back to `clone`, whose flags a filter sees.
        compiled(plain(&[libc::SYS_clone3]), SeccompAction::Allow, errno(libc::ENOSYS)),
        compiled(listed(devices).map_err(|error| error.to_string())?, errno(libc::EPERM), SeccompAction::Allow),
    ];
    let mut programs = Vec::new();
    for filter in filters {
        programs.push(filter?);
    }
    programs.iter().try_for_each(|program| seccompiler::apply_filter(program).map_err(|error| error.to_string()))
}

fn listed(devices: bool) -> Result<Rules, BackendError> {
    let mut rules = with_arguments(true)?;
    for calls in [ALLOWED, ALLOWED_TO_THREADS, LISTED, OLDER, &[libc::SYS_clone3]] {
        rules.extend(plain(calls));
    }
    let rule = SeccompRule::new;
    let tcp = |protocol| rule(vec![is(0, libc::AF_INET)?, stream()?, is(2, protocol)?]);
    rules.insert(libc::SYS_socket, vec![tcp(0)?, tcp(libc::IPPROTO_TCP)?]);
    rules.insert(libc::SYS_clone, vec![rule(vec![bits(0, !CLONE_DETACHED, THREAD)?])?]);
    // With this flag to send is to connect.
    rules.insert(libc::SYS_sendto, vec![rule(vec![bits(3, libc::MSG_FASTOPEN, 0)?])?]);
    rules.insert(libc::SYS_sendmsg, vec![rule(vec![bits(2, libc::MSG_FASTOPEN, 0)?])?]);
    let mut commands = rules.remove(&libc::SYS_fcntl).unwrap_or_default();
    commands.push(rule(vec![is(1, libc::F_SETFL)?])?);
    rules.insert(libc::SYS_fcntl, commands);
    if devices {
        rules.extend(plain(TO_DRIVERS));
        let local = rule(vec![is(0, libc::AF_UNIX)?])?;
        rules.entry(libc::SYS_socket).or_default().push(local);
    }
    Ok(rules)
}

/// Argument 1 is a stream, whatever its flags.
fn stream() -> Result<SeccompCondition, BackendError> {
    const TYPE: u64 = 0xf;
    SeccompCondition::new(1, Dword, SeccompCmpOp::MaskedEq(TYPE), u64::from(libc::SOCK_STREAM.cast_unsigned()))
}
