//! A stretch of the capture, as each thread gets its share of it.

use std::ops::Range;

use crate::front::Task;
use crate::net::segment::Segment;

/// A stretch has no more tasks than these,
const TASKS: usize = 1024;
/// and no more bytes than these; but always one task.
const BYTES: usize = 128 << 10;

/// Room is made for so many tasks more.
const MORE: usize = 64;

/// One thread's share of a stretch: tasks, each with its turn.
#[derive(Debug, Default)]
pub(super) struct Share {
    tasks: Vec<(u64, Kept)>,
    /// Payloads and secrets, one behind the other.
    bytes: Vec<u8>,
}

/// A task, with its bytes elsewhere.
#[derive(Debug)]
enum Kept {
    Segment(Segment<'static>, Range<usize>, bool),
    Secrets(Range<usize>),
    Other(Task<'static>),
}

impl Share {
    /// Adds a task.
    pub(super) fn push(&mut self, turn: u64, task: Task<'_>) {
        let kept = match task {
            Task::Segment(segment, contradicted) => {
                let bytes = self.keep(segment.payload);
                Kept::Segment(Segment { payload: &[], ..segment }, bytes, contradicted)
            }
            Task::Secrets(lines) => Kept::Secrets(self.keep(lines)),
            Task::Tick(now, jumped) => Kept::Other(Task::Tick(now, jumped)),
            Task::Dropped(count, behind) => Kept::Other(Task::Dropped(count, behind)),
            Task::Finish => Kept::Other(Task::Finish),
        };
        if self.tasks.is_empty() {
            // With those that the last step adds; room that grows by doubling would be twice as much.
            self.tasks.reserve_exact(TASKS + MORE);
        }
        self.tasks.push((turn, kept));
    }

    /// Whether it is enough for one stretch.
    pub(super) fn is_full(&self) -> bool {
        self.tasks.len() >= TASKS || self.bytes.len() >= BYTES
    }

    /// The tasks, each with its turn.
    pub(super) fn tasks(&self) -> impl Iterator<Item = (u64, Task<'_>)> {
        self.tasks.iter().map(|(turn, kept)| {
            let task = match kept {
                Kept::Segment(segment, bytes, contradicted) => {
                    Task::Segment(Segment { payload: &self.bytes[bytes.clone()], ..*segment }, *contradicted)
                }
                Kept::Secrets(lines) => Task::Secrets(&self.bytes[lines.clone()]),
                Kept::Other(task) => *task,
            };
            (*turn, task)
        })
    }

    /// Empties it, and keeps its memory for another stretch.
    pub(super) fn clear(&mut self) {
        self.tasks.clear();
        self.bytes.clear();
    }

    fn keep(&mut self, bytes: &[u8]) -> Range<usize> {
        let begin = self.bytes.len();
        self.bytes.extend_from_slice(bytes);
        begin..self.bytes.len()
    }
}
