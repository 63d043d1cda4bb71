//! Log page 02h of an NVMe disk, "SMART / Health Information" (NVM Express base
//! specification, 5.16.1.3), by `NVME_IOCTL_ADMIN_CMD` (`include/uapi/linux/nvme_ioctl.h`).
//!
//! The kernel shows no part of it as a file but its temperature. The second `unsafe` of
//! this crate: neither rustix nor nix knows the command, and a crate that does would bring
//! the whole of NVMe with it for one page.

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd as _;

/// As long as the page is.
pub(crate) const PAGE_BYTES: usize = 512;

/// `_IOWR('N', 0x41, struct nvme_admin_cmd)`, the same on every architecture that this
/// program is built for.
const NVME_IOCTL_ADMIN_CMD: libc::Ioctl = 0xc048_4e41_u32 as libc::Ioctl;
/// Get Log Page.
const GET_LOG_PAGE: u8 = 0x02;
/// The page of the health.
const HEALTH: u32 = 0x02;
/// Of the disk, not of one of its name spaces.
const WHOLE_DISK: u32 = 0xffff_ffff;
/// A disk that works answers in milliseconds.
const TIMEOUT_MS: u32 = 5_000;

/// Where the kernel writes the page: at an address of whole double words.
#[repr(align(8))]
struct Page([u8; PAGE_BYTES]);

/// `struct nvme_passthru_cmd`.
#[repr(C)]
#[derive(Default)]
struct AdminCommand {
    opcode: u8,
    flags: u8,
    rsvd1: u16,
    nsid: u32,
    cdw2: u32,
    cdw3: u32,
    metadata: u64,
    addr: u64,
    metadata_len: u32,
    data_len: u32,
    cdw10: u32,
    cdw11: u32,
    cdw12: u32,
    cdw13: u32,
    cdw14: u32,
    cdw15: u32,
    timeout_ms: u32,
    result: u32,
}

/// Asks the disk behind its controller's node (`/dev/nvme0`). Needs `CAP_SYS_ADMIN`. The
/// page is read only: nothing on the disk changes.
///
/// # Errors
/// The kernel's, or the disk's own refusal.
#[expect(unsafe_code, reason = "no safe crate asks this; argued at the call")]
pub(crate) fn health_page(disk: &File) -> io::Result<[u8; PAGE_BYTES]> {
    let mut page = Page([0; PAGE_BYTES]);
    // Its length is told in double words, less one.
    let words = (PAGE_BYTES / 4 - 1) as u32;
    let mut command = AdminCommand {
        opcode: GET_LOG_PAGE,
        nsid: WHOLE_DISK,
        addr: page.0.as_mut_ptr() as u64,
        data_len: PAGE_BYTES as u32,
        cdw10: words << 16 | HEALTH,
        timeout_ms: TIMEOUT_MS,
        ..AdminCommand::default()
    };
    // SAFETY: the command is a whole `nvme_passthru_cmd`, and its address and length are
    // those of `page`; both are this thread's and live through the call, which is over when
    // it returns. The kernel copies into them and keeps nothing.
    let status = unsafe { libc::ioctl(disk.as_raw_fd(), NVME_IOCTL_ADMIN_CMD, &raw mut command) };
    match status {
        0 => Ok(page.0),
        -1 => Err(io::Error::last_os_error()),
        status => Err(io::Error::other(format!(
            "the disk refuses the question (NVMe status {status:#06x})"
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_is_laid_out_as_the_kernel_s() {
        assert_eq!(size_of::<AdminCommand>(), 0x48);
        assert_eq!(std::mem::offset_of!(AdminCommand, addr), 24);
        assert_eq!(std::mem::offset_of!(AdminCommand, cdw10), 40);
        assert_eq!(std::mem::offset_of!(AdminCommand, result), 68);
    }

    #[test]
    fn what_is_no_disk_refuses() {
        let file = tempfile::tempfile().expect("a file");
        assert!(health_page(&file).is_err());
    }
}
