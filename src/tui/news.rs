//! What the reader tells to the model.

use crate::store::Store;

use super::feed::News;
use super::model::{Ended, Model};
use super::verdict;

impl Model {
    /// Learns what the reader told.
    pub fn learn(&mut self, news: News) {
        match news {
            News::Events(events, started, waiting) => {
                self.store.set_started(started);
                self.store.set_beside(waiting.all() + self.timeline.listing.memory());
                for event in events {
                    self.store.push(event);
                }
            }
            News::Progress(position) => {
                self.reading.speed = position.read as f64 / self.reading.since.elapsed().as_secs_f64().max(0.001);
                self.reading.position = Some(position);
            }
            News::Status(status) => self.reading.counters = Some(status.counters),
            News::Finished(finished) => {
                self.reading.ended = Some(match *finished {
                    Ok(finished) => Ended::Finished(Box::new(finished)),
                    Err(error) => Ended::Failed(error.to_string()),
                });
                if !self.touched && !self.reading.live {
                    self.begin_with_the_busiest();
                }
            }
        }
    }

    /// Lists the connection with the most messages, where the reader has not chosen, and says how all of them stand.
    fn begin_with_the_busiest(&mut self) {
        if let Some(busiest) = busiest(&self.store) {
            self.set_connection(busiest);
        }
        if let Some(Ended::Finished(finished)) = &self.reading.ended
            && finished.is_whole()
        {
            self.say(verdict::of(&self.store, &finished.summary));
        }
    }
}

/// The first of the connections with the most messages.
fn busiest(store: &Store) -> Option<u64> {
    let messages = |id| store.numbers(id).map_or(0, |row| row.traffic.messages());
    let busiest = store.connections().rev().map(|connection| connection.id).max_by_key(|&id| messages(id))?;
    (messages(busiest) > 0).then_some(busiest)
}
