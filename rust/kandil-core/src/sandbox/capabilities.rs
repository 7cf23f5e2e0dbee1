//! Root's rights.

use super::check;

/// The user and group that root becomes: what every system calls nobody.
const NOBODY: u32 = 65_534;
const LAST: libc::c_int = 63;

#[repr(C)]
struct Header {
    version: u32,
    pid: libc::c_int,
}

#[repr(C)]
#[derive(Clone, Copy, Default, PartialEq, Eq)]
struct Sets {
    effective: u32,
    permitted: u32,
    inheritable: u32,
}

/// `_LINUX_CAPABILITY_VERSION_3`: two words of 32 capabilities.
const VERSION: u32 = 0x2008_0522;

/// Root is nobody from here on, with its capabilities for as long as they are needed. Others stay who they are. Where
/// the system refuses, as containers with one user do, root stays root, and loses its capabilities in [`drop_all`].
pub(super) fn become_nobody() {
    // SAFETY: none of these calls takes or changes memory of ours; the pointer is for zero groups.
    unsafe {
        if libc::geteuid() != 0 {
            return;
        }
        libc::prctl(libc::PR_SET_KEEPCAPS, 1, 0, 0, 0);
        libc::setgroups(0, std::ptr::null());
        libc::setresgid(NOBODY, NOBODY, NOBODY);
        libc::setresuid(NOBODY, NOBODY, NOBODY);
        libc::prctl(libc::PR_SET_KEEPCAPS, 0, 0, 0, 0);
    }
    let mut sets = [Sets::default(); 2];
    if capget(&mut sets).is_ok() {
        for set in &mut sets {
            set.effective = set.permitted;
        }
        let _ = capset(&sets); // what it is needed for says so
    }
}

/// No capability is left, nor a way to one: not in the bounding set, not ambient.
pub(super) fn drop_all() -> Result<(), String> {
    for capability in 0..=LAST {
        // SAFETY: takes and changes no memory. Fails without CAP_SETPCAP, and past the last that the kernel knows.
        unsafe { libc::prctl(libc::PR_CAPBSET_DROP, capability, 0, 0, 0) };
    }
    // SAFETY: takes and changes no memory. A kernel without ambient capabilities has none to clear.
    unsafe { libc::prctl(libc::PR_CAP_AMBIENT, libc::PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) };
    let none = [Sets::default(); 2];
    capset(&none)?;
    let mut left = [Sets { effective: 1, ..Sets::default() }; 2];
    capget(&mut left)?;
    if left == none { Ok(()) } else { Err("some are left".to_owned()) }
}

fn capset(sets: &[Sets; 2]) -> Result<(), String> {
    let header = Header { version: VERSION, pid: 0 };
    // SAFETY: a header of version 3 comes with two sets, both laid out as the kernel's, which reads them.
    let result = unsafe { libc::syscall(libc::SYS_capset, &raw const header, sets.as_ptr()) };
    check("capset", result as libc::c_int)
}

fn capget(sets: &mut [Sets; 2]) -> Result<(), String> {
    let header = Header { version: VERSION, pid: 0 };
    // SAFETY: a header of version 3 comes with two sets, both laid out as the kernel's, which writes them.
    let result = unsafe { libc::syscall(libc::SYS_capget, &raw const header, sets.as_mut_ptr()) };
    check("capget", result as libc::c_int)
}
