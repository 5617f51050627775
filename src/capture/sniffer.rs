//! From open interfaces to batches of packets: the thread that does nothing but empty the kernel's buffers.
//!
//! It never waits for the analysis. Where that falls so far behind that the queue is full, packets are dropped here, and
//! counted as those are that the kernel or the interface dropped.

use std::os::fd::AsFd as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::Sender;
use std::time::{Duration, Instant};

use pcap::Stat;
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use crate::input::Counters;

use super::batch::Batch;
use super::device::{BLOCK_TIMEOUT, Device};
use super::error::Error;
use super::filter::reason;

/// So many bytes make a batch, unless the interfaces fall silent before.
const BATCH: usize = 256 << 10;
/// Packets taken from one interface before it is another's turn.
const TURN: usize = 1024;
/// How long a signal may go unnoticed while the interfaces are silent.
const PATIENCE: Timespec = Timespec { tv_sec: 0, tv_nsec: 50_000_000 };
const NOW: Timespec = Timespec { tv_sec: 0, tv_nsec: 0 };
/// How long what the kernel still has is read at the end.
const LEAVE: Duration = Duration::from_millis(200);
/// How often the kernel's counters are read.
const COUNTING: Duration = Duration::from_millis(200);

/// What both threads see.
#[derive(Debug, Default)]
pub(super) struct Shared {
    /// Whether nobody wants more.
    pub(super) stop: AtomicBool,
    /// Bytes in the queue.
    pub(super) queued: AtomicUsize,
    received: AtomicU64,
    kernel: AtomicU64,
    interface: AtomicU64,
    queue: AtomicU64,
}

impl Shared {
    /// What was counted so far.
    pub(super) fn counters(&self) -> Counters {
        let [received, kernel, interface, queue] =
            [&self.received, &self.kernel, &self.interface, &self.queue].map(|count| count.load(Ordering::Relaxed));
        Counters { received, kernel, interface, queue }
    }
}

/// Captures from all devices until it is told to stop.
pub(super) struct Sniffer {
    devices: Vec<Open>,
    batch: Batch,
    /// Bytes that may wait for the analysis.
    room: usize,
    batches: Sender<Batch>,
    shared: Arc<Shared>,
    interrupt: Arc<AtomicBool>,
}

struct Open {
    device: Device,
    /// As libpcap counts them: from the beginning, in 32 bits.
    counted: Stat,
    /// Whether packets may be left of its last turn: poll does not tell of a block that was begun.
    begun: bool,
}

impl Sniffer {
    pub(super) fn new(
        devices: Vec<Device>,
        room: usize,
        batches: Sender<Batch>,
        shared: Arc<Shared>,
        interrupt: Arc<AtomicBool>,
    ) -> Self {
        let counted = Stat { received: 0, dropped: 0, if_dropped: 0 };
        let devices = devices.into_iter().map(|device| Open { device, counted, begun: false }).collect();
        Self { devices, batch: Batch::default(), room, batches, shared, interrupt }
    }

    /// Captures until a stop, and then what the kernel has still gathered.
    ///
    /// # Errors
    /// When an interface goes down or disappears; all before that was handed on.
    pub(super) fn run(mut self) -> Result<(), Error> {
        let captured = self.capture();
        self.drain();
        self.count();
        captured
    }

    fn capture(&mut self) -> Result<(), Error> {
        let mut counted = Instant::now();
        while !self.is_stopped() {
            self.wait()?;
            self.read()?;
            self.send();
            if counted.elapsed() >= COUNTING {
                self.count();
                counted = Instant::now();
            }
        }
        Ok(())
    }

    /// Takes what came before the end and still lies in a block of the kernel that is not full.
    fn drain(&mut self) {
        std::thread::sleep(2 * BLOCK_TIMEOUT);
        for open in &mut self.devices {
            open.begun = true;
        }
        // A busy interface always has more.
        let end = Instant::now() + LEAVE;
        // That an interface is down libpcap may notice only now, before it hands on what it has.
        let mut errors = 0;
        while errors < 2 && self.devices.iter().any(|open| open.begun) && Instant::now() < end {
            errors += u32::from(self.read().is_err());
            self.send();
        }
    }

    fn is_stopped(&self) -> bool {
        self.shared.stop.load(Ordering::Relaxed) || self.interrupt.load(Ordering::Relaxed)
    }

    /// Waits until any interface has packets; an error where one has failed.
    fn wait(&mut self) -> Result<(), Error> {
        let patience = if self.devices.iter().any(|open| open.begun) { &NOW } else { &PATIENCE };
        let mut files: Vec<_> = self
            .devices
            .iter()
            .map(|open| PollFd::from_borrowed_fd(open.device.capture.as_fd(), PollFlags::IN))
            .collect();
        match poll(&mut files, Some(patience)) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(Error::interface(&self.devices[0].device.name, error.to_string())),
        }
        let told: Vec<_> = files.iter().map(PollFd::revents).collect();
        for (open, told) in self.devices.iter_mut().zip(told) {
            open.begun |= !told.is_empty();
            if told.intersects(PollFlags::ERR | PollFlags::HUP | PollFlags::NVAL) {
                return Err(Error::interface(&open.device.name, "the interface went down".to_owned()));
            }
        }
        Ok(())
    }

    /// Takes what there is, a turn each.
    fn read(&mut self) -> Result<(), Error> {
        let several = self.devices.len() > 1;
        for index in 0..self.devices.len() {
            while self.devices[index].begun {
                self.take_turn(index)?;
                if several || self.batch.size() >= BATCH {
                    break;
                }
            }
        }
        if several {
            self.batch.sort();
        }
        Ok(())
    }

    fn take_turn(&mut self, index: usize) -> Result<(), Error> {
        let Open { device, begun, .. } = &mut self.devices[index];
        let (batch, link) = (&mut self.batch, device.link);
        let taken = device.capture.dispatch(Some(TURN), |packet| {
            let time = Device::time(packet.header.ts.tv_sec, packet.header.ts.tv_usec);
            batch.push(time, index as u32, link, packet.data, packet.header.len);
        });
        match taken {
            Ok(taken) => *begun = taken > 0,
            Err(error) => return Err(Error::interface(&device.name, reason(error))),
        }
        Ok(())
    }

    /// Hands the batch on, or drops it where too much waits already.
    fn send(&mut self) {
        let (count, size) = (self.batch.count() as u64, self.batch.size());
        if count == 0 {
            return;
        }
        let next = Batch::with_room_of(&self.batch);
        let batch = std::mem::replace(&mut self.batch, next);
        self.shared.received.fetch_add(count, Ordering::Relaxed);
        if self.shared.queued.load(Ordering::Relaxed) + size > self.room {
            self.shared.queue.fetch_add(count, Ordering::Relaxed);
            return;
        }
        self.shared.queued.fetch_add(size, Ordering::Relaxed);
        if self.batches.send(batch).is_err() {
            self.shared.stop.store(true, Ordering::Relaxed);
        }
    }

    /// Reads the counters of the kernel. Of what it received ours is the better one: on loopback it counts each packet twice.
    fn count(&mut self) {
        for Open { device, counted, .. } in &mut self.devices {
            // An interface that is gone has none.
            let Ok(stat) = device.capture.stats() else { continue };
            let since = |now: u32, before: u32| u64::from(now.wrapping_sub(before));
            self.shared.kernel.fetch_add(since(stat.dropped, counted.dropped), Ordering::Relaxed);
            self.shared.interface.fetch_add(since(stat.if_dropped, counted.if_dropped), Ordering::Relaxed);
            *counted = stat;
        }
    }
}
