//! The widest kernels beside isa-l_crypto's of 16 lanes, in memory, on one core, alternately.
//!
//! The library is loaded at run time from the path in `ISAL_CRYPTO_LIB`; without it nothing is measured, and said so.
//! `--json` ends with a line of JSON: for each kernel of 16 lanes and more the seconds of each round, its own and the
//! peer's, and the bytes that each hashed in it.

#[cfg(not(all(target_os = "linux", target_arch = "x86_64")))]
fn main() {
    println!("lanes_isal: only for Linux on x86-64; skipped");
}

#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
fn main() {
    use kandil_core::sha256::kernels;

    let Some(path) = std::env::var_os("ISAL_CRYPTO_LIB") else {
        println!("lanes_isal: SKIPPED, ISAL_CRYPTO_LIB does not name a libisal_crypto.so");
        return;
    };
    let mut rows = Vec::new();
    for kernel in kernels().iter().filter(|kernel| kernel.width % peer::LANES == 0) {
        let (ours, theirs) = alternately(kernel, &path);
        let best = |seconds: &[f64]| BYTES as f64 / seconds.iter().copied().fold(f64::MAX, f64::min) / 1e9;
        println!(
            "lanes_isal: {} x{} {:.2} GB/s, isa-l_crypto {:.2} GB/s (best of {ROUNDS})",
            kernel.set,
            kernel.width,
            best(&ours),
            best(&theirs)
        );
        rows.push(format!("{{\"width\": {}, \"kandil\": {ours:?}, \"isal\": {theirs:?}}}", kernel.width));
    }
    if rows.is_empty() {
        println!("lanes_isal: SKIPPED, this processor has no kernel of {} lanes", peer::LANES);
    }
    if std::env::args().any(|argument| argument == "--json") {
        println!("{{\"bytes\": {BYTES}, \"rows\": [{}]}}", rows.join(", "));
    }
}

#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
const ROUNDS: usize = 9;
/// Steps of the peer in a round; a kernel of twice the lanes takes half as many.
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
const STEPS: usize = 200;
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
const BYTES: usize = STEPS * peer::CHUNK * peer::LANES;

/// Seconds a round of the kernel and of the peer.
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
fn alternately(kernel: &kandil_core::sha256::Kernel, path: &std::ffi::OsStr) -> (Vec<f64>, Vec<f64>) {
    use std::time::Instant;

    use kandil_core::sha256::INITIAL;

    let apart = peer::CHUNK + 4096 + 64;
    let memory: Vec<u8> = (0..apart * kernel.width).map(|i| (i * 31 % 251) as u8).collect();
    let data: Vec<&[u8]> = memory.chunks(apart).map(|lane| &lane[..peer::CHUNK]).collect();
    let mut peer = peer::Peer::load(path);
    let mut states = vec![INITIAL; kernel.width];
    kernel.compress(&mut states, &data);
    peer.step(&data[..peer::LANES]);
    assert_eq!(peer.states(), states[..peer::LANES], "both hash the same");
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let start = Instant::now();
        for _ in 0..STEPS * peer::LANES / kernel.width {
            kernel.compress(&mut states, &data);
        }
        ours.push(start.elapsed().as_secs_f64());
        let start = Instant::now();
        for _ in 0..STEPS {
            peer.step(&data[..peer::LANES]);
        }
        theirs.push(start.elapsed().as_secs_f64());
    }
    (ours, theirs)
}

/// The little of isa-l_crypto's interface (2.24 and later) that is needed here.
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
mod peer {
    use std::alloc::{Layout, alloc_zeroed};
    use std::ffi::{CStr, CString, OsStr, c_int, c_void};
    use std::mem::transmute;
    use std::os::unix::ffi::OsStrExt;
    use std::ptr::null_mut;

    use kandil_core::sha256::State;

    pub(crate) const LANES: usize = 16;
    pub(crate) const CHUNK: usize = 64 << 10;

    type Init = unsafe extern "C" fn(*mut c_void) -> c_int;
    type Submit = unsafe extern "C" fn(*mut c_void, *mut c_void, *mut *mut c_void, *const c_void, u32, c_int) -> c_int;
    type Flush = unsafe extern "C" fn(*mut c_void, *mut *mut c_void) -> c_int;

    /// More than the library's structures take, and aligned as they ask for.
    const ROOM: usize = 8192;
    const DIGEST_AT: usize = 64;
    const STATUS_AT: usize = 128;
    const COMPLETE: u32 = 4;
    const FIRST: c_int = 1;
    const UPDATE: c_int = 0;

    pub(crate) struct Peer {
        submit: Submit,
        flush: Flush,
        manager: *mut c_void,
        streams: [*mut c_void; LANES],
        flag: c_int,
    }

    impl Peer {
        pub(crate) fn load(path: &OsStr) -> Peer {
            let path = CString::new(path.as_bytes()).expect("a path");
            // SAFETY: a C string; the person who set the variable trusts the library.
            let library = unsafe { libc::dlopen(path.as_ptr(), libc::RTLD_NOW) };
            assert!(!library.is_null(), "{path:?} cannot be loaded");
            let symbol = |name: &CStr| {
                // SAFETY: the library is never closed.
                let found = unsafe { libc::dlsym(library, name.as_ptr()) };
                assert!(!found.is_null(), "{path:?} has no {name:?}");
                found
            };
            // SAFETY: the three functions' types are those of the library's header.
            let (init, submit, flush) = unsafe {
                (
                    transmute::<*mut c_void, Init>(symbol(c"isal_sha256_ctx_mgr_init")),
                    transmute::<*mut c_void, Submit>(symbol(c"isal_sha256_ctx_mgr_submit")),
                    transmute::<*mut c_void, Flush>(symbol(c"isal_sha256_ctx_mgr_flush")),
                )
            };
            let manager = room();
            // SAFETY: room for a manager.
            assert_eq!(unsafe { init(manager) }, 0);
            let streams = [(); LANES].map(|()| room());
            for stream in streams {
                // SAFETY: within the room; a stream begins with this status.
                unsafe { stream.cast::<u8>().add(STATUS_AT).cast::<u32>().write(COMPLETE) };
            }
            Peer { submit, flush, manager, streams, flag: FIRST }
        }

        /// Takes a chunk into each stream.
        pub(crate) fn step(&mut self, data: &[&[u8]]) {
            let mut done = null_mut();
            for (stream, chunk) in self.streams.iter().zip(data) {
                // SAFETY: the data lives until the flush below has ended all work on it.
                let error = unsafe {
                    (self.submit)(
                        self.manager,
                        *stream,
                        &mut done,
                        chunk.as_ptr().cast(),
                        chunk.len() as u32,
                        self.flag,
                    )
                };
                assert_eq!(error, 0);
            }
            loop {
                // SAFETY: an initialised manager.
                assert_eq!(unsafe { (self.flush)(self.manager, &mut done) }, 0);
                if done.is_null() {
                    break;
                }
            }
            self.flag = UPDATE;
        }

        /// The chaining values, when no work is under way.
        pub(crate) fn states(&self) -> Vec<State> {
            // SAFETY: within the room.
            self.streams.iter().map(|s| unsafe { s.cast::<u8>().add(DIGEST_AT).cast::<State>().read() }).collect()
        }
    }

    fn room() -> *mut c_void {
        let layout = Layout::from_size_align(ROOM, 64).expect("a power of two");
        // SAFETY: not of size zero. Lives as long as the process.
        unsafe { alloc_zeroed(layout) }.cast()
    }
}
