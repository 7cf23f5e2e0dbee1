//! A whole file, as it is read: its header, and what its rules want to see of the data behind it.

use super::{DataScan, Scan, Scanner};

/// Takes a file's bytes in their order. What is not needed of the header is dropped as soon as that is done.
#[derive(Debug)]
pub struct WholeScan(State);

#[derive(Debug)]
enum State {
    Header(Box<Scanner>),
    Data(Scan, Option<Box<DataScan>>),
}

impl WholeScan {
    /// Of a file of this size, in bytes.
    #[must_use]
    pub fn new(size: u64) -> WholeScan {
        WholeScan(State::Header(Box::new(Scanner::new(size))))
    }

    /// The next bytes, which begin at `offset`.
    pub fn feed(&mut self, offset: u64, bytes: &[u8]) {
        if let State::Header(scanner) = &mut self.0 {
            scanner.feed(bytes);
            if !scanner.header_done() {
                return;
            }
            let scan = std::mem::replace(scanner, Box::new(Scanner::new(0))).finish();
            let data = DataScan::new(&scan).map(Box::new);
            self.0 = State::Data(scan.compact(), data);
        }
        if let State::Data(_, Some(data)) = &mut self.0 {
            data.look(offset, bytes);
        }
    }

    /// What was found.
    #[must_use]
    pub fn finish(self) -> Scan {
        match self.0 {
            State::Header(scanner) => scanner.finish().compact(),
            State::Data(scan, None) => scan,
            State::Data(mut scan, Some(data)) => {
                data.finish(&mut scan);
                scan
            }
        }
    }
}
