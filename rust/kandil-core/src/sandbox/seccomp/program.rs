//! The filter of a program: what is listed fails, and the rest is left, as nobody knows what a program needs.
//!
//! No socket but pairs; no key of the kernel's; no look into other processes; no new namespaces, mounts, modules, or
//! programs in the kernel; nothing that outlives it; no call that is newer than this list, nor one of x32.

use libc::{c_int, c_long};
use seccompiler::{BackendError, SeccompAction, SeccompCmpArgLen::Dword, SeccompCmpOp, SeccompCondition, SeccompRule};
use seccompiler::{BpfProgram, sock_filter};

use super::{Rules, bits, compiled, is, plain};

/// `mseal`. What came later is not known here, and x32's numbers are all greater. Numbers from 424 on are the same for
/// all processors.
const NEWEST: u32 = 462;

const REFUSED: &[c_long] = &[
    // Others to talk to. A pair of streams cannot be connected to anything else.
    libc::SYS_socket,
    libc::SYS_connect,
    libc::SYS_bind,
    libc::SYS_listen,
    libc::SYS_accept,
    libc::SYS_accept4,
    // Keys.
    libc::SYS_keyctl,
    libc::SYS_add_key,
    libc::SYS_request_key,
    // Other processes.
    libc::SYS_ptrace,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_process_madvise,
    libc::SYS_process_mrelease,
    libc::SYS_pidfd_getfd,
    libc::SYS_kcmp,
    libc::SYS_migrate_pages,
    libc::SYS_move_pages,
    libc::SYS_setpriority,
    libc::SYS_ioprio_set,
    libc::SYS_sched_setscheduler,
    libc::SYS_sched_setparam,
    libc::SYS_sched_setattr,
    libc::SYS_sched_setaffinity,
    // What would outlive the process group's end.
    libc::SYS_setsid,
    libc::SYS_setpgid,
    libc::SYS_shmget,
    libc::SYS_shmat,
    libc::SYS_shmctl,
    libc::SYS_semget,
    libc::SYS_semop,
    libc::SYS_semtimedop,
    libc::SYS_semctl,
    libc::SYS_msgget,
    libc::SYS_msgsnd,
    libc::SYS_msgrcv,
    libc::SYS_msgctl,
    libc::SYS_mq_open,
    libc::SYS_mq_unlink,
    // Files past Landlock: an old one does not rule on `truncate`.
    libc::SYS_truncate,
    libc::SYS_name_to_handle_at,
    libc::SYS_open_by_handle_at,
    libc::SYS_inotify_add_watch,
    libc::SYS_fanotify_init,
    libc::SYS_fanotify_mark,
    // The kernel.
    libc::SYS_bpf,
    libc::SYS_perf_event_open,
    libc::SYS_userfaultfd,
    libc::SYS_unshare,
    libc::SYS_setns,
    libc::SYS_mount,
    libc::SYS_umount2,
    libc::SYS_move_mount,
    libc::SYS_open_tree,
    libc::SYS_fsopen,
    libc::SYS_fsconfig,
    libc::SYS_fsmount,
    libc::SYS_fspick,
    libc::SYS_mount_setattr,
    libc::SYS_pivot_root,
    libc::SYS_chroot,
    libc::SYS_swapon,
    libc::SYS_swapoff,
    libc::SYS_quotactl,
    libc::SYS_quotactl_fd,
    libc::SYS_acct,
    libc::SYS_reboot,
    libc::SYS_syslog,
    libc::SYS_vhangup,
    libc::SYS_settimeofday,
    libc::SYS_clock_settime,
    libc::SYS_adjtimex,
    libc::SYS_clock_adjtime,
    libc::SYS_sethostname,
    libc::SYS_setdomainname,
    libc::SYS_init_module,
    libc::SYS_finit_module,
    libc::SYS_delete_module,
    libc::SYS_kexec_load,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_kexec_file_load,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_iopl,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_ioperm,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_modify_ldt,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_uselib,
];

/// What this kernel does not seem to have: there are older calls, whose arguments a filter sees.
const NOT_HERE: &[c_long] =
    &[libc::SYS_clone3, libc::SYS_io_uring_setup, libc::SYS_io_uring_enter, libc::SYS_io_uring_register];

/// Modes, owners, times and attributes of files, on which Landlock does not rule. Copying a file sets them, so it must
/// not be an error.
const DONE_ALREADY: &[c_long] = &[
    libc::SYS_fchmod,
    libc::SYS_fchmodat,
    libc::SYS_fchmodat2,
    libc::SYS_fchown,
    libc::SYS_fchownat,
    libc::SYS_utimensat,
    libc::SYS_setxattr,
    libc::SYS_lsetxattr,
    libc::SYS_fsetxattr,
    libc::SYS_removexattr,
    libc::SYS_lremovexattr,
    libc::SYS_fremovexattr,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_chmod,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_chown,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_lchown,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_utime,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_utimes,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_futimesat,
];

/// Signals, which must then not go to other processes.
const SIGNALS: &[c_long] = &[libc::SYS_tkill, libc::SYS_rt_sigqueueinfo, libc::SYS_rt_tgsigqueueinfo];
const SIGNALS_BY_FD: c_long = libc::SYS_pidfd_send_signal;

const NEW_NAMESPACES: [c_int; 7] = [
    libc::CLONE_NEWNS,
    libc::CLONE_NEWCGROUP,
    libc::CLONE_NEWUTS,
    libc::CLONE_NEWIPC,
    libc::CLONE_NEWUSER,
    libc::CLONE_NEWPID,
    libc::CLONE_NEWNET,
];

/// `FS_IOC_SETFLAGS`, `FS_IOC_FSSETXATTR`, `TIOCSTI`, `TIOCLINUX`.
const REFUSED_IOCTLS: [c_int; 4] = [0x4008_6602, 0x401c_5820, 0x5412, 0x541c];

/// Puts the filters on, of which the strictest answer counts. `alone`: something else keeps signals from others.
pub(in crate::sandbox) fn restrict(alone: bool) -> Result<(), String> {
    let errno = |number: c_int| SeccompAction::Errno(number.cast_unsigned());
    let refused = refused(alone).map_err(|error| error.to_string())?;
    let filters = [
        compiled(plain(DONE_ALREADY), SeccompAction::Allow, errno(0))?,
        compiled(plain(NOT_HERE), SeccompAction::Allow, errno(libc::ENOSYS))?,
        compiled(refused, SeccompAction::Allow, errno(libc::EPERM))?,
        none_newer(),
    ];
    filters.iter().try_for_each(|filter| seccompiler::apply_filter(filter).map_err(|error| error.to_string()))
}

fn refused(alone: bool) -> Result<Rules, BackendError> {
    let rule = SeccompRule::new;
    let mut rules = plain(REFUSED);
    let spaces = NEW_NAMESPACES.iter().map(|&flag| rule(vec![bits(0, flag, flag)?]));
    rules.insert(libc::SYS_clone, spaces.collect::<Result<_, _>>()?);
    let ioctls = REFUSED_IOCTLS.iter().map(|&command| rule(vec![is(1, command)?]));
    rules.insert(libc::SYS_ioctl, ioctls.collect::<Result<_, _>>()?);
    // Pairs of datagrams can be sent to others.
    const KIND: c_int = 0xf;
    let kinds = (0..=KIND).filter(|kind| ![libc::SOCK_STREAM, libc::SOCK_SEQPACKET].contains(kind));
    let mut pairs = kinds.map(|kind| rule(vec![bits(1, KIND, kind)?])).collect::<Result<Vec<_>, _>>()?;
    pairs.push(rule(vec![is_not(0, libc::AF_UNIX)?])?);
    rules.insert(libc::SYS_socketpair, pairs);
    rules.insert(libc::SYS_prlimit64, vec![rule(vec![is_not(0, 0)?])?]);
    if !alone {
        // SAFETY: takes no memory.
        let own = unsafe { libc::getpid() };
        rules.extend(plain(SIGNALS));
        rules.insert(SIGNALS_BY_FD, Vec::new());
        for call in [libc::SYS_kill, libc::SYS_tgkill] {
            rules.insert(call, vec![rule(vec![is_not(0, own)?])?]);
        }
        let owners = [libc::F_SETOWN, F_SETOWN_EX].iter().map(|&command| rule(vec![is(1, command)?]));
        rules.insert(libc::SYS_fcntl, owners.collect::<Result<_, _>>()?);
    }
    Ok(rules)
}

const F_SETOWN_EX: c_int = 15;

/// Argument `index` is not `value`.
fn is_not(index: u8, value: c_int) -> Result<SeccompCondition, BackendError> {
    SeccompCondition::new(index, Dword, SeccompCmpOp::Ne, u64::from(value.cast_unsigned()))
}

/// Calls past [`NEWEST`] are not there. The other filters end calls of other architectures.
fn none_newer() -> BpfProgram {
    const LOAD: u16 = (libc::BPF_LD | libc::BPF_W | libc::BPF_ABS) as u16;
    const GREATER: u16 = (libc::BPF_JMP | libc::BPF_JGT | libc::BPF_K) as u16;
    const RETURN: u16 = (libc::BPF_RET | libc::BPF_K) as u16;
    let step = |code, jt, k| sock_filter { code, jt, jf: 0, k };
    vec![
        step(LOAD, 0, 0), // the call's number
        step(GREATER, 1, NEWEST),
        step(RETURN, 0, libc::SECCOMP_RET_ALLOW),
        step(RETURN, 0, libc::SECCOMP_RET_ERRNO | libc::ENOSYS.cast_unsigned()),
    ]
}
