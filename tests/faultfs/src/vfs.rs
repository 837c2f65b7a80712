//! The C side: what SQLite calls, translated into calls of [`Handle`] and [`Shared`]. Nothing is decided here.
//!
//! A registered VFS is never freed, only unregistered: SQLite may still look at one that it found before. What it points to is
//! a weak reference, so a test that makes thousands of file systems leaks some hundred bytes with each, and no file.
#![expect(unsafe_code, reason = "SQLite calls a file system through C function pointers")]

use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::mem::size_of;
use std::ptr::{self, NonNull};
use std::sync::atomic::{Ordering, fence};
use std::sync::{Arc, Weak};

use rusqlite::ffi;
use rusqlite::ffi::{sqlite3_file, sqlite3_int64, sqlite3_io_methods, sqlite3_vfs};

use crate::disk::{Code, Handle, Shared};

/// The longest path, with its terminating zero.
const PATH_BYTES: c_int = 512;
const SECTOR_BYTES: c_int = 4096; // what SQLite assumes on Unix

/// A VFS that SQLite knows until this is dropped.
#[derive(Debug)]
pub(crate) struct Registration(NonNull<sqlite3_vfs>);

// SAFETY: the pointer is only handed back to SQLite, whose register functions take a mutex of their own.
unsafe impl Send for Registration {}
// SAFETY: as above; nothing is done through a shared reference.
unsafe impl Sync for Registration {}

impl Registration {
    pub(crate) fn new(name: CString, fs: Weak<Shared>) -> Self {
        let vfs = Box::leak(Box::new(sqlite3_vfs {
            iVersion: 1,
            szOsFile: FILE_BYTES,
            mxPathname: PATH_BYTES,
            pNext: ptr::null_mut(),
            zName: name.into_raw(),
            pAppData: Box::into_raw(Box::new(fs)).cast(),
            xOpen: Some(open),
            xDelete: Some(delete),
            xAccess: Some(access),
            xFullPathname: Some(full_pathname),
            xDlOpen: None,
            xDlError: None,
            xDlSym: None,
            xDlClose: None,
            xRandomness: Some(randomness),
            xSleep: Some(sleep),
            xCurrentTime: Some(current_time),
            xGetLastError: None,
            xCurrentTimeInt64: None,
            xSetSystemCall: None,
            xGetSystemCall: None,
            xNextSystemCall: None,
        }));
        // SAFETY: the structure is complete and lives for ever.
        unsafe { ffi::sqlite3_vfs_register(vfs, 0) };
        Self(NonNull::from(vfs))
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        // SAFETY: it was registered by `new`, and lives on.
        unsafe { ffi::sqlite3_vfs_unregister(self.0.as_ptr()) };
    }
}

/// What SQLite allocates for an open file.
#[repr(C)]
struct File {
    base: sqlite3_file,
    /// From `Box::into_raw`, while `base.pMethods` is set.
    handle: *mut Handle,
}

#[expect(clippy::cast_possible_truncation, clippy::cast_possible_wrap, reason = "two pointers")]
const FILE_BYTES: c_int = size_of::<File>() as c_int;

static METHODS: sqlite3_io_methods = sqlite3_io_methods {
    iVersion: 2, // with shared memory, without memory-mapped files
    xClose: Some(close),
    xRead: Some(read),
    xWrite: Some(write),
    xTruncate: Some(truncate),
    xSync: Some(sync),
    xFileSize: Some(file_size),
    xLock: Some(lock),
    xUnlock: Some(unlock),
    xCheckReservedLock: Some(check_reserved_lock),
    xFileControl: Some(file_control),
    xSectorSize: Some(sector_size),
    xDeviceCharacteristics: Some(device_characteristics),
    xShmMap: Some(shm_map),
    xShmLock: Some(shm_lock),
    xShmBarrier: Some(shm_barrier),
    xShmUnmap: Some(shm_unmap),
    xFetch: None,
    xUnfetch: None,
};

fn code(result: Result<(), Code>) -> Code {
    result.err().unwrap_or(ffi::SQLITE_OK)
}

/// Stores a value behind an out pointer, or returns the error.
///
/// # Safety
/// `out` can be written to.
unsafe fn answer<T>(result: Result<T, Code>, out: *mut T) -> Code {
    match result {
        Ok(value) => {
            // SAFETY: the caller's promise.
            unsafe { out.write(value) };
            ffi::SQLITE_OK
        }
        Err(code) => code,
    }
}

/// # Safety
/// `vfs` was made by [`Registration::new`].
unsafe fn shared(vfs: *mut sqlite3_vfs) -> Result<Arc<Shared>, Code> {
    // SAFETY: `new` stored this type there, and it is never freed.
    let weak = unsafe { &*(*vfs).pAppData.cast::<Weak<Shared>>() };
    weak.upgrade().ok_or(ffi::SQLITE_CANTOPEN)
}

/// # Safety
/// `file` was opened by [`open`] and not closed; it is not closed while the reference lives, as SQLite uses a file from one
/// thread at a time.
unsafe fn handle<'a>(file: *mut sqlite3_file) -> &'a Handle {
    // SAFETY: `open` stored a valid pointer, and only `close` takes it back.
    unsafe { &*(*file.cast::<File>()).handle }
}

/// The system's own VFS, for what has nothing to do with files.
fn system() -> *mut sqlite3_vfs {
    // SAFETY: null asks for the default one; SQLite always has one here.
    unsafe { ffi::sqlite3_vfs_find(ptr::null()) }
}

unsafe extern "C" fn open(
    vfs: *mut sqlite3_vfs,
    path: *const c_char,
    file: *mut sqlite3_file,
    flags: c_int,
    out_flags: *mut c_int,
) -> c_int {
    // SAFETY: SQLite passes a path that ends with zero, or null.
    let path = (!path.is_null()).then(|| unsafe { CStr::from_ptr(path) });
    // SAFETY: SQLite passes the VFS that it calls.
    let opened = unsafe { shared(vfs) }.and_then(|fs| Handle::open(fs, path, flags));
    let (methods, handle, code) = match opened {
        Ok(handle) => (&raw const METHODS, Box::into_raw(Box::new(handle)), ffi::SQLITE_OK),
        // Without methods SQLite does not call `close`.
        Err(code) => (ptr::null(), ptr::null_mut(), code),
    };
    // SAFETY: SQLite allocated `szOsFile` bytes for it, which is the size of `File`.
    unsafe { file.cast::<File>().write(File { base: sqlite3_file { pMethods: methods }, handle }) };
    if !out_flags.is_null() {
        // SAFETY: not null, so it can be written to.
        unsafe { out_flags.write(flags) };
    }
    code
}

unsafe extern "C" fn delete(vfs: *mut sqlite3_vfs, path: *const c_char, sync_directory: c_int) -> c_int {
    // SAFETY: SQLite passes the VFS that it calls, and a path that ends with zero.
    let (fs, path) = unsafe { (shared(vfs), CStr::from_ptr(path)) };
    code(fs.and_then(|fs| fs.delete(path, sync_directory != 0)))
}

unsafe extern "C" fn access(vfs: *mut sqlite3_vfs, path: *const c_char, flags: c_int, out: *mut c_int) -> c_int {
    // SAFETY: SQLite passes the VFS that it calls, and a path that ends with zero.
    let (fs, path) = unsafe { (shared(vfs), CStr::from_ptr(path)) };
    // SQLite's own VFS takes an empty file for none when asked whether it exists.
    let exists = fs.and_then(|fs| fs.exists(path, flags != ffi::SQLITE_ACCESS_EXISTS));
    // SAFETY: SQLite passes where it wants the answer.
    unsafe { answer(exists.map(c_int::from), out) }
}

unsafe extern "C" fn full_pathname(_: *mut sqlite3_vfs, path: *const c_char, len: c_int, out: *mut c_char) -> c_int {
    // SAFETY: SQLite passes a path that ends with zero.
    let path = unsafe { CStr::from_ptr(path) }.to_bytes_with_nul();
    if !usize::try_from(len).is_ok_and(|len| path.len() <= len) {
        return ffi::SQLITE_CANTOPEN;
    }
    // SAFETY: `out` has `len` bytes, and does not overlap with SQLite's own copy of the path.
    unsafe { ptr::copy_nonoverlapping(path.as_ptr().cast(), out, path.len()) };
    ffi::SQLITE_OK
}

unsafe extern "C" fn randomness(_: *mut sqlite3_vfs, len: c_int, out: *mut c_char) -> c_int {
    let system = system();
    // SAFETY: the same call, with the VFS that it is meant for.
    unsafe { (*system).xRandomness.map_or(0, |randomness| randomness(system, len, out)) }
}

unsafe extern "C" fn sleep(_: *mut sqlite3_vfs, microseconds: c_int) -> c_int {
    let system = system();
    // SAFETY: as above.
    unsafe { (*system).xSleep.map_or(0, |sleep| sleep(system, microseconds)) }
}

unsafe extern "C" fn current_time(_: *mut sqlite3_vfs, out: *mut f64) -> c_int {
    let system = system();
    // SAFETY: as above.
    unsafe { (*system).xCurrentTime.map_or(ffi::SQLITE_ERROR, |current_time| current_time(system, out)) }
}

unsafe extern "C" fn close(file: *mut sqlite3_file) -> c_int {
    // SAFETY: `open` stored it, and SQLite closes a file once.
    drop(unsafe { Box::from_raw((*file.cast::<File>()).handle) });
    ffi::SQLITE_OK
}

unsafe extern "C" fn read(file: *mut sqlite3_file, out: *mut c_void, len: c_int, at: sqlite3_int64) -> c_int {
    let (Ok(len), Ok(at)) = (usize::try_from(len), u64::try_from(at)) else { return ffi::SQLITE_IOERR_READ };
    // SAFETY: an open file. `out` has `len` bytes; zeroed first, so that they may be referred to, and because SQLite wants
    // zeros behind the end of a file.
    let (handle, into) = unsafe {
        out.write_bytes(0, len);
        (handle(file), std::slice::from_raw_parts_mut(out.cast::<u8>(), len))
    };
    match handle.read(at, into) {
        Ok(read) if read < len => ffi::SQLITE_IOERR_SHORT_READ,
        Ok(_) => ffi::SQLITE_OK,
        Err(code) => code,
    }
}

unsafe extern "C" fn write(file: *mut sqlite3_file, data: *const c_void, len: c_int, at: sqlite3_int64) -> c_int {
    let (Ok(len), Ok(at)) = (usize::try_from(len), u64::try_from(at)) else { return ffi::SQLITE_IOERR_WRITE };
    // SAFETY: an open file, and `len` bytes that SQLite has filled.
    let (handle, data) = unsafe { (handle(file), std::slice::from_raw_parts(data.cast::<u8>(), len)) };
    code(handle.write(at, data))
}

unsafe extern "C" fn truncate(file: *mut sqlite3_file, len: sqlite3_int64) -> c_int {
    let Ok(len) = u64::try_from(len) else { return ffi::SQLITE_IOERR_TRUNCATE };
    // SAFETY: an open file.
    code(unsafe { handle(file) }.truncate(len))
}

unsafe extern "C" fn sync(file: *mut sqlite3_file, _flags: c_int) -> c_int {
    // SAFETY: an open file.
    code(unsafe { handle(file) }.sync())
}

unsafe extern "C" fn file_size(file: *mut sqlite3_file, out: *mut sqlite3_int64) -> c_int {
    // SAFETY: an open file.
    let size = unsafe { handle(file) }.size();
    // SAFETY: SQLite passes where it wants the answer.
    unsafe { answer(size.map(|size| sqlite3_int64::try_from(size).unwrap_or(sqlite3_int64::MAX)), out) }
}

unsafe extern "C" fn lock(file: *mut sqlite3_file, level: c_int) -> c_int {
    // SAFETY: an open file.
    code(unsafe { handle(file) }.lock(level))
}

unsafe extern "C" fn unlock(file: *mut sqlite3_file, level: c_int) -> c_int {
    // SAFETY: an open file.
    unsafe { handle(file) }.unlock(level);
    ffi::SQLITE_OK
}

unsafe extern "C" fn check_reserved_lock(file: *mut sqlite3_file, out: *mut c_int) -> c_int {
    // SAFETY: an open file.
    let reserved = unsafe { handle(file) }.reserved();
    // SAFETY: SQLite passes where it wants the answer.
    unsafe { answer(Ok(c_int::from(reserved)), out) }
}

unsafe extern "C" fn file_control(_: *mut sqlite3_file, _: c_int, _: *mut c_void) -> c_int {
    ffi::SQLITE_NOTFOUND
}

unsafe extern "C" fn sector_size(_: *mut sqlite3_file) -> c_int {
    SECTOR_BYTES
}

unsafe extern "C" fn device_characteristics(_: *mut sqlite3_file) -> c_int {
    ffi::SQLITE_IOCAP_POWERSAFE_OVERWRITE
}

unsafe extern "C" fn shm_map(
    file: *mut sqlite3_file,
    region: c_int,
    bytes: c_int,
    extend: c_int,
    out: *mut *mut c_void,
) -> c_int {
    let (Ok(region), Ok(bytes)) = (usize::try_from(region), usize::try_from(bytes)) else {
        return ffi::SQLITE_IOERR_SHMMAP;
    };
    // SAFETY: an open file.
    let mapped = unsafe { handle(file) }.map(region, bytes, extend != 0);
    // SAFETY: SQLite passes where it wants the answer.
    unsafe { answer(mapped, out) }
}

unsafe extern "C" fn shm_lock(file: *mut sqlite3_file, first: c_int, n: c_int, flags: c_int) -> c_int {
    // SAFETY: an open file.
    code(unsafe { handle(file) }.lock_memory(first, n, flags))
}

unsafe extern "C" fn shm_barrier(_: *mut sqlite3_file) {
    fence(Ordering::SeqCst);
}

unsafe extern "C" fn shm_unmap(file: *mut sqlite3_file, _delete: c_int) -> c_int {
    // SAFETY: an open file.
    unsafe { handle(file) }.unmap();
    ffi::SQLITE_OK
}
