//! Namespaces: a network without devices, a root without files, no other process, user or host name.

use std::ffi::CStr;
use std::fs;
use std::ptr::null;

use super::check;

const OWN: libc::c_int = libc::CLONE_NEWNS
    | libc::CLONE_NEWNET
    | libc::CLONE_NEWPID
    | libc::CLONE_NEWIPC
    | libc::CLONE_NEWUTS
    | libc::CLONE_NEWCGROUP;

/// This process is in namespaces of its own; the next that it forks is the first of the new process numbers.
pub(super) fn unshare() -> Result<(), String> {
    // SAFETY: neither call takes memory.
    let (user, group) = unsafe { (libc::geteuid(), libc::getegid()) };
    // SAFETY: takes and changes no memory. This process has one thread: `enter` has seen to it.
    if let Err(refused) = check("unshare", unsafe { libc::unshare(OWN | libc::CLONE_NEWUSER) }) {
        // Without a user namespace, for those who may: root where the system has none to give.
        // SAFETY: as above.
        return check("unshare", unsafe { libc::unshare(OWN) }).map_err(|_| refused);
    }
    // Files of this process in /proc belong to root once it has changed its user, unless it may be looked at.
    // SAFETY: takes and changes no memory.
    check("prctl", unsafe { libc::prctl(libc::PR_SET_DUMPABLE, 1, 0, 0, 0) })?;
    let write = |name: &str, text: &str| fs::write(name, text).map_err(|error| format!("{name}: {error}"));
    write("/proc/self/setgroups", "deny")?; // without it, the groups could not be mapped
    write("/proc/self/uid_map", &format!("{user} {user} 1"))?;
    write("/proc/self/gid_map", &format!("{group} {group} 1"))
}

/// The root folder is empty, read-only, and the only one.
pub(super) fn empty_root() -> Result<(), String> {
    let flags = libc::MS_NOSUID | libc::MS_NODEV | libc::MS_NOEXEC;
    mount(None, c"/", None, libc::MS_REC | libc::MS_PRIVATE, None)?;
    // Any folder will do, and this one is there: the sandbox has read from it.
    mount(Some(c"none"), c"/proc", Some(c"tmpfs"), flags, Some(c"size=4k,nr_inodes=2,mode=500"))?;
    // SAFETY: all paths end with NUL; the old root comes to lie over the new one (pivot_root(2), "."), and is taken off.
    unsafe {
        check("chdir", libc::chdir(c"/proc".as_ptr()))?;
        let pivot = libc::syscall(libc::SYS_pivot_root, c".".as_ptr(), c".".as_ptr());
        check("pivot_root", pivot as libc::c_int)?;
        check("umount2", libc::umount2(c".".as_ptr(), libc::MNT_DETACH))?;
        check("chdir", libc::chdir(c"/".as_ptr()))?;
    }
    mount(None, c"/", None, flags | libc::MS_REMOUNT | libc::MS_RDONLY, None)
}

fn mount(
    source: Option<&CStr>,
    target: &CStr,
    kind: Option<&CStr>,
    flags: libc::c_ulong,
    data: Option<&CStr>,
) -> Result<(), String> {
    let pointer = |text: Option<&CStr>| text.map_or(null(), CStr::as_ptr);
    // SAFETY: every pointer is null, where that is allowed, or a text that ends with NUL.
    let result = unsafe { libc::mount(pointer(source), target.as_ptr(), pointer(kind), flags, pointer(data).cast()) };
    check("mount", result)
}
