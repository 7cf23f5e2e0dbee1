//! The filter, tried: each attack in a forked process.

use std::collections::BTreeSet;

use super::*;

/// `uretprobe` and `uprobe`: newer kernels show them to no filter, and end who calls them with SIGILL unless they
/// come from code that the kernel itself has put there.
#[cfg(target_arch = "x86_64")]
const UPROBES: [c_long; 2] = [335, 336];
#[cfg(not(target_arch = "x86_64"))]
const UPROBES: [c_long; 0] = [];

/// Runs `attack` under the filter, in a process of its own. Whether it went on to the end.
fn survives<T>(threads: bool, root_is_empty: bool, attack: impl FnOnce() -> T) -> bool {
    let how = ended(|| restrict(threads, root_is_empty), attack);
    !(libc::WIFSIGNALED(how) && libc::WTERMSIG(how) == libc::SIGSYS)
}

/// How a process ended that put a filter on and made the attack.
fn ended<T>(put_on: impl FnOnce() -> Result<(), String>, attack: impl FnOnce() -> T) -> c_int {
    let mut how = 0;
    // SAFETY: the child makes system calls and ends, with what it allocates before the filter holds.
    unsafe {
        match libc::fork() {
            -1 => panic!("fork: {}", std::io::Error::last_os_error()),
            0 => {
                let on = put_on().is_ok();
                if on {
                    let _ = attack();
                }
                libc::_exit(libc::c_int::from(!on));
            }
            child => assert_eq!(libc::waitpid(child, &raw mut how, 0), child),
        }
    }
    assert!(!libc::WIFEXITED(how) || libc::WEXITSTATUS(how) != 1, "the filter cannot be put on");
    how
}

fn call(number: c_long, arguments: [c_long; 4]) -> impl FnOnce() -> c_long {
    let [a, b, c, d] = arguments;
    // SAFETY: the process that calls it is there for that alone.
    move || unsafe { libc::syscall(number, a, b, c, d, -1, -1) }
}

/// Whether the filter lets it through, or answers it with an error.
fn left(number: c_long, arguments: [c_long; 4]) -> bool {
    survives(false, true, call(number, arguments))
}

#[test]
fn what_is_listed_is_all_that_is_left() {
    let seen = |number: &c_long| !UPROBES.contains(number);
    let left: BTreeSet<c_long> = (0..600).filter(seen).filter(|&number| left(number, [-1; 4])).collect();
    let listed: BTreeSet<c_long> = [ALLOWED, NO_FILES, NOT_HERE].concat().into_iter().collect();
    assert_eq!(left, listed);
}

#[test]
fn arguments_are_looked_at() {
    // SAFETY: takes no memory.
    let own = || c_long::from(unsafe { libc::getpid() });
    let [read, execute] = [libc::PROT_READ, libc::PROT_READ | libc::PROT_EXEC].map(c_long::from);
    for name in [libc::SYS_mmap, libc::SYS_mprotect] {
        assert!(left(name, [0, 0, read, 0]));
        assert!(!left(name, [0, 0, execute, 0]));
    }
    assert!(left(libc::SYS_fcntl, [0, libc::F_GETFL.into(), 0, 0]));
    assert!(!left(libc::SYS_fcntl, [0, libc::F_SETOWN.into(), own(), 0]));
    assert!(left(libc::SYS_prlimit64, [0, libc::RLIMIT_STACK.into(), 0, 0]));
    assert!(!left(libc::SYS_prlimit64, [own(), libc::RLIMIT_STACK.into(), 0, 0]));
    assert!(!left(libc::SYS_prlimit64, [0, libc::RLIMIT_STACK.into(), 1, 0]));
    assert!(left(libc::SYS_prctl, [libc::PR_SET_NAME.into(), 0, 0, 0]));
    assert!(!left(libc::SYS_prctl, [libc::PR_SET_DUMPABLE.into(), 1, 0, 0]));
    assert!(left(libc::SYS_newfstatat, [0, 0, 0, libc::AT_EMPTY_PATH.into()]));
    assert!(!left(libc::SYS_newfstatat, [0, 0, 0, 0]));
}

#[test]
fn only_itself_can_be_aborted() {
    // SAFETY: takes no memory.
    let parent = c_long::from(unsafe { libc::getpid() });
    let signal = |process: c_long, number: c_int| {
        survives(false, true, call(libc::SYS_tgkill, [process, process, number.into(), 0]))
    };
    assert!(!signal(parent, libc::SIGABRT));
    assert!(!signal(parent, 0));
    // SAFETY: ends this process, which is there for that.
    assert!(survives(false, true, || unsafe { libc::abort() }));
}

#[test]
fn threads_are_all_that_can_be_cloned() {
    let clone = |threads, flags: c_int| {
        // Without a stack, a thread cannot be made (EINVAL): what counts is who says so.
        survives(threads, true, call(libc::SYS_clone, [flags.into(), 0, 0, 0]))
    };
    let bad = THREAD & !libc::CLONE_SIGHAND; // the kernel refuses threads that do not share handlers
    assert!(!clone(true, bad));
    assert!(!clone(true, libc::SIGCHLD));
    assert!(!clone(true, THREAD | libc::CLONE_NEWUSER));
    assert!(!clone(false, THREAD));
    let started = || std::thread::spawn(|| ()).join().is_ok();
    assert!(survives(true, true, started));
    assert!(!survives(false, true, started));
}

#[test]
fn files_are_looked_at_by_no_call_where_there_are_some() {
    let looked = || {
        // SAFETY: a status that is ours; a text that ends with NUL.
        unsafe {
            let mut status: libc::stat = std::mem::zeroed();
            let by = call(
                libc::SYS_newfstatat,
                [
                    libc::AT_FDCWD.into(),
                    c"/".as_ptr().addr() as c_long,
                    (&raw mut status).addr() as c_long,
                    libc::AT_EMPTY_PATH.into(),
                ],
            );
            if by() == 0 {
                libc::raise(libc::SIGSYS); // told as if the filter had ended it
            }
        }
    };
    assert!(survives(false, false, looked));
    assert!(!survives(false, true, looked), "this process's root is not empty, and the test sees it");
}

/// Whether the filter of a server answers this call with EPERM.
fn refused_to_servers(devices: bool, number: c_long, arguments: [c_long; 4]) -> bool {
    let attack = call(number, arguments);
    let how = ended(
        || server::restrict(devices),
        || {
            let refused = attack() == -1 && std::io::Error::last_os_error().raw_os_error() == Some(libc::EPERM);
            // SAFETY: ends this process, which is there for that.
            unsafe { libc::_exit(if refused { 2 } else { 0 }) };
        },
    );
    libc::WIFEXITED(how) && libc::WEXITSTATUS(how) == 2
}

#[test]
fn servers_take_connections_and_make_none() {
    let socket = |devices, domain: c_int, kind: c_int, protocol: c_int| {
        !refused_to_servers(devices, libc::SYS_socket, [domain.into(), kind.into(), protocol.into(), 0])
    };
    assert!(socket(false, libc::AF_INET, libc::SOCK_STREAM | libc::SOCK_CLOEXEC, 0));
    assert!(socket(false, libc::AF_INET, libc::SOCK_STREAM, libc::IPPROTO_TCP));
    assert!(!socket(false, libc::AF_INET, libc::SOCK_STREAM, libc::IPPROTO_MPTCP));
    assert!(!socket(false, libc::AF_INET, libc::SOCK_DGRAM, 0));
    assert!(!socket(false, libc::AF_NETLINK, libc::SOCK_RAW, 0));
    assert!(!socket(false, libc::AF_UNIX, libc::SOCK_STREAM, 0));
    assert!(socket(true, libc::AF_UNIX, libc::SOCK_STREAM, 0));
    assert!(refused_to_servers(false, libc::SYS_connect, [-1; 4]));
    assert!(refused_to_servers(false, libc::SYS_sendto, [-1, 0, 0, libc::MSG_FASTOPEN.into()]));
    assert!(!refused_to_servers(false, libc::SYS_sendto, [-1, 0, 0, libc::MSG_NOSIGNAL.into()]));
    for number in [libc::SYS_accept4, libc::SYS_bind, libc::SYS_listen, libc::SYS_openat, libc::SYS_read] {
        assert!(!refused_to_servers(false, number, [-1; 4]));
    }
    for number in [libc::SYS_execve, libc::SYS_keyctl, libc::SYS_ptrace, libc::SYS_kill, libc::SYS_io_uring_setup] {
        assert!(refused_to_servers(true, number, [-1; 4]));
    }
}

#[test]
fn servers_start_threads_and_no_processes() {
    assert!(refused_to_servers(false, libc::SYS_clone, [libc::SIGCHLD.into(), 0, 0, 0]));
    let how = ended(|| server::restrict(false), || std::thread::spawn(|| ()).join().is_ok());
    assert!(libc::WIFEXITED(how) && libc::WEXITSTATUS(how) == 0);
}

/// What the filter of a program answers this call with, where it does not let it through.
fn answered_to_programs(alone: bool, number: c_long, arguments: [c_long; 4]) -> c_int {
    let attack = call(number, arguments);
    let how = ended(
        || program::restrict(alone),
        || {
            let result = attack();
            let error = std::io::Error::last_os_error().raw_os_error().unwrap_or_default();
            // SAFETY: ends this process, which is there for that; 1 is taken.
            unsafe { libc::_exit(if result == 0 { 255 } else { error + 1 }) };
        },
    );
    assert!(libc::WIFEXITED(how));
    match libc::WEXITSTATUS(how) {
        255 => 0,
        code => code - 1,
    }
}

#[test]
fn programs_have_no_way_out() {
    let refused = |number, arguments| answered_to_programs(true, number, arguments) == libc::EPERM;
    let pair = |domain: c_int, kind: c_int| refused(libc::SYS_socketpair, [domain.into(), kind.into(), 0, 0]);
    for domain in [libc::AF_UNIX, libc::AF_INET, libc::AF_INET6, libc::AF_NETLINK, libc::AF_VSOCK, libc::AF_ALG] {
        assert!(refused(libc::SYS_socket, [domain.into(), libc::SOCK_STREAM.into(), 0, 0]));
    }
    assert!(!pair(libc::AF_UNIX, libc::SOCK_STREAM | libc::SOCK_CLOEXEC));
    assert!(pair(libc::AF_UNIX, libc::SOCK_DGRAM | libc::SOCK_CLOEXEC));
    assert!(pair(libc::AF_TIPC, libc::SOCK_STREAM));
    for number in [libc::SYS_keyctl, libc::SYS_request_key, libc::SYS_ptrace, libc::SYS_pidfd_getfd, libc::SYS_bpf] {
        assert!(refused(number, [-1; 4]));
    }
    for number in [libc::SYS_mount, libc::SYS_setns, libc::SYS_unshare, libc::SYS_setsid, libc::SYS_setpgid] {
        assert!(refused(number, [0; 4]));
    }
    for flag in [libc::CLONE_NEWUSER, libc::CLONE_NEWNET, libc::CLONE_NEWNS] {
        assert!(refused(libc::SYS_clone, [c_long::from(flag | libc::SIGCHLD), 0, 0, 0]));
    }
    assert!(refused(libc::SYS_prlimit64, [1, libc::RLIMIT_NOFILE.into(), 0, 0]));
}

#[test]
fn programs_have_no_call_that_no_list_knows() {
    const X32: c_long = 0x4000_0000;
    for number in [libc::SYS_clone3, libc::SYS_io_uring_setup, 463, 600, X32, X32 + 39] {
        assert_eq!(answered_to_programs(true, number, [-1; 4]), libc::ENOSYS, "{number}");
    }
}

#[test]
fn what_programs_set_of_files_is_not_set_and_no_error() {
    for number in [libc::SYS_fchmod, libc::SYS_fchownat, libc::SYS_utimensat, libc::SYS_fsetxattr] {
        assert_eq!(answered_to_programs(true, number, [-1; 4]), 0, "it would fail, as there is no such file");
    }
}

#[test]
fn where_nothing_else_keeps_signals_in_they_go_to_oneself_alone() {
    for (alone, answer) in [(true, libc::ESRCH), (false, libc::EPERM)] {
        assert_eq!(answered_to_programs(alone, libc::SYS_kill, [c_long::from(i32::MAX), 0, 0, 0]), answer);
    }
    assert_eq!(answered_to_programs(false, libc::SYS_fcntl, [0, libc::F_SETOWN.into(), 1, 0]), libc::EPERM);
}
