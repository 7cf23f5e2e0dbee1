//! The system calls that are left.
//!
//! What is not listed ends the process with SIGSYS: so do calls of another architecture, and x32's, whose numbers are
//! not listed either. What libraries try and can do without is answered with an error, so that a sound file does not
//! look like an attack: they look for settings in files, ask whether standard error is a terminal, and bind threads to
//! cores.

use std::collections::BTreeMap;

use libc::{c_int, c_long};
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen::Dword, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule,
    apply_filter,
};

type Rules = BTreeMap<i64, Vec<SeccompRule>>;

/// Read, write and seek in what is open; memory; time; threads' locks; signals to oneself; the end.
const ALLOWED: &[c_long] = &[
    libc::SYS_read,
    libc::SYS_readv,
    libc::SYS_pread64,
    libc::SYS_preadv,
    libc::SYS_write,
    libc::SYS_writev,
    libc::SYS_lseek,
    libc::SYS_fstat,
    libc::SYS_fadvise64,
    libc::SYS_close,
    libc::SYS_dup,
    libc::SYS_ppoll,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_poll,
    libc::SYS_brk,
    libc::SYS_munmap,
    libc::SYS_mremap,
    libc::SYS_madvise,
    libc::SYS_futex,
    libc::SYS_membarrier,
    libc::SYS_clock_gettime,
    libc::SYS_clock_getres,
    libc::SYS_clock_nanosleep,
    libc::SYS_nanosleep,
    libc::SYS_gettimeofday,
    libc::SYS_getrusage,
    libc::SYS_getrandom,
    libc::SYS_sysinfo,
    libc::SYS_uname,
    libc::SYS_getcpu,
    libc::SYS_sched_yield,
    libc::SYS_sched_getaffinity,
    libc::SYS_getpid,
    libc::SYS_gettid,
    libc::SYS_getuid,
    libc::SYS_geteuid,
    libc::SYS_getgid,
    libc::SYS_getegid,
    libc::SYS_rt_sigaction,
    libc::SYS_rt_sigprocmask,
    libc::SYS_rt_sigreturn,
    libc::SYS_sigaltstack,
    libc::SYS_restart_syscall,
    libc::SYS_exit,
    libc::SYS_exit_group,
];

/// What `pthread_create` and the thread itself need beside `clone`.
const ALLOWED_TO_THREADS: &[c_long] = &[libc::SYS_set_robust_list, libc::SYS_rseq];

/// Files, by whatever call: there is no permission.
const NO_FILES: &[c_long] = &[
    libc::SYS_openat,
    libc::SYS_openat2,
    libc::SYS_statx,
    libc::SYS_statfs,
    libc::SYS_fstatfs,
    libc::SYS_faccessat,
    libc::SYS_faccessat2,
    libc::SYS_readlinkat,
    libc::SYS_getdents64,
    libc::SYS_getcwd,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_open,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_stat,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_lstat,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_access,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_readlink,
];

/// What this kernel does not seem to have. After `clone3`, whose flags are in memory where no filter sees them, glibc
/// goes back to `clone`.
const NOT_HERE: &[c_long] = &[
    libc::SYS_clone3,
    libc::SYS_ioctl,
    libc::SYS_sched_setaffinity,
    libc::SYS_sched_setscheduler,
    libc::SYS_sched_getscheduler,
    libc::SYS_setpriority,
    libc::SYS_mlock,
    libc::SYS_mlock2,
    libc::SYS_munlock,
    libc::SYS_mbind,
    libc::SYS_get_mempolicy,
    libc::SYS_set_mempolicy,
];

/// Puts three filters on, of which the strictest answer counts.
///
/// `root_is_empty` decides on `newfstatat`: with an empty path it is what many a glibc makes `fstat` of, and with another
/// it looks at any file, and no filter can tell. Where there are files to look at, `fstat` fails, which streams survive.
pub(super) fn restrict(threads: bool, root_is_empty: bool) -> Result<(), String> {
    let errno = |number: c_int| SeccompAction::Errno(number.cast_unsigned());
    let mut no_files = plain(NO_FILES);
    if !root_is_empty {
        no_files.insert(libc::SYS_newfstatat, Vec::new());
    }
    let filters = [
        compiled(no_files, SeccompAction::Allow, errno(libc::EACCES)),
        compiled(plain(NOT_HERE), SeccompAction::Allow, errno(libc::ENOSYS)),
        // The last, since it does not allow to add another.
        compiled(allowed(threads, root_is_empty)?, SeccompAction::KillProcess, SeccompAction::Allow),
    ];
    for filter in filters {
        apply_filter(&filter?).map_err(|error| error.to_string())?;
    }
    Ok(())
}

fn compiled(rules: Rules, otherwise: SeccompAction, listed: SeccompAction) -> Result<BpfProgram, String> {
    let arch = std::env::consts::ARCH.try_into().map_err(|_| "not for this processor".to_owned())?;
    let filter = SeccompFilter::new(rules, otherwise, listed, arch).map_err(|error| error.to_string())?;
    filter.try_into().map_err(|error: seccompiler::BackendError| error.to_string())
}

fn plain(calls: &[c_long]) -> Rules {
    calls.iter().map(|&call| (call, Vec::new())).collect()
}

fn allowed(threads: bool, root_is_empty: bool) -> Result<Rules, String> {
    let mut rules = plain(ALLOWED);
    rules.extend(plain(NO_FILES));
    rules.extend(plain(NOT_HERE));
    rules.extend(with_arguments(threads).map_err(|error| error.to_string())?);
    if !root_is_empty {
        rules.insert(libc::SYS_newfstatat, Vec::new()); // answered by an error
    }
    if threads {
        rules.extend(plain(ALLOWED_TO_THREADS));
    }
    Ok(rules)
}

/// Argument `index` has exactly the bits `value` of `mask`.
fn bits(index: u8, mask: c_int, value: c_int) -> Result<SeccompCondition, seccompiler::BackendError> {
    let operator = SeccompCmpOp::MaskedEq(u64::from(mask.cast_unsigned()));
    SeccompCondition::new(index, Dword, operator, u64::from(value.cast_unsigned()))
}

/// Argument `index` is `value`.
fn is(index: u8, value: c_int) -> Result<SeccompCondition, seccompiler::BackendError> {
    SeccompCondition::new(index, Dword, SeccompCmpOp::Eq, u64::from(value.cast_unsigned()))
}

fn with_arguments(threads: bool) -> Result<Rules, seccompiler::BackendError> {
    // SAFETY: takes no memory.
    let own = unsafe { libc::getpid() };
    let rule = |conditions| SeccompRule::new(conditions);
    let mut rules = Rules::from([
        // Memory, but none that can be run.
        (libc::SYS_mmap, vec![rule(vec![bits(2, libc::PROT_EXEC, 0)?])?]),
        (libc::SYS_mprotect, vec![rule(vec![bits(2, libc::PROT_EXEC, 0)?])?]),
        // What streams over a descriptor ask; not its owner, its locks, or the flags that others share.
        (
            libc::SYS_fcntl,
            [libc::F_GETFD, libc::F_SETFD, libc::F_GETFL, libc::F_DUPFD, libc::F_DUPFD_CLOEXEC]
                .into_iter()
                .map(|command| rule(vec![is(1, command)?]))
                .collect::<Result<_, _>>()?,
        ),
        // `fstat` of glibc.
        (libc::SYS_newfstatat, vec![rule(vec![is(3, libc::AT_EMPTY_PATH)?])?]),
        // `abort`.
        (libc::SYS_tgkill, vec![rule(vec![is(0, own)?, is(2, libc::SIGABRT)?])?]),
        // A limit may be read: the stack's, for threads. It cannot be set, nor another's be read.
        (libc::SYS_prlimit64, vec![rule(vec![is(0, 0)?, pointer_is_null(2)?])?]),
        // Names of threads and of memory.
        (libc::SYS_prctl, vec![rule(vec![is(0, libc::PR_SET_NAME)?])?, rule(vec![is(0, libc::PR_SET_VMA)?])?]),
    ]);
    if threads {
        rules.insert(libc::SYS_clone, vec![rule(vec![bits(0, !CLONE_DETACHED, THREAD)?])?]);
    }
    Ok(rules)
}

fn pointer_is_null(index: u8) -> Result<SeccompCondition, seccompiler::BackendError> {
    SeccompCondition::new(index, seccompiler::SeccompCmpArgLen::Qword, SeccompCmpOp::Eq, 0)
}

/// The flags of `pthread_create`, in glibc and in musl, which adds one that means nothing.
const THREAD: c_int = libc::CLONE_VM
    | libc::CLONE_FS
    | libc::CLONE_FILES
    | libc::CLONE_SIGHAND
    | libc::CLONE_THREAD
    | libc::CLONE_SYSVSEM
    | libc::CLONE_SETTLS
    | libc::CLONE_PARENT_SETTID
    | libc::CLONE_CHILD_CLEARTID;
const CLONE_DETACHED: c_int = 0x0040_0000;

pub(super) mod program;
pub(super) mod server;
#[cfg(test)]
mod tests;
