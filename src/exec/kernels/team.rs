//! Threads of the pool that stay at hand while another thread has work to share again and again, as
//! in a training loop: to wake one for each job would take longer than most jobs.

use std::any::Any;
use std::cell::UnsafeCell;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How long a thread waits for a job before it goes back to the pool.
const PATIENCE: Duration = Duration::from_micros(200);
/// The most ranges that tasks are dealt out in.
const RANGES: usize = 16;

thread_local! {
    /// The team that works for this thread.
    static TEAM: Arc<Team> = Arc::default();
}

/// Runs tasks `0..count` on this thread and those of the pool, in any order. The same thread tends
/// to get the same tasks if they are run again, and so finds their memory in its caches.
pub(super) fn for_each(count: usize, run: &(dyn Fn(usize) + Sync)) {
    TEAM.with(|team| team.lead(count, run));
}

/// A number in a cache line of its own: others are written by other threads.
#[derive(Default)]
#[repr(align(128))]
struct Line(AtomicUsize);

/// Tasks that are being shared.
#[derive(Clone, Copy)]
struct Job {
    run: *const (dyn Fn(usize) + Sync),
    count: usize,
    ranges: usize,
}

/// A thread that has jobs, and the threads that help it.
#[derive(Default)]
struct Team {
    /// Grows by one whenever a job is opened or closed: odd while there is one.
    phase: Line,
    job: UnsafeCell<Option<Job>>,
    /// The next task of each range.
    next: [Line; RANGES],
    /// How many helpers may be reading the job.
    inside: Line,
    /// How many helpers there are, including those that have been sent for.
    helpers: Line,
    panic: Mutex<Option<Box<dyn Any + Send>>>,
}

// SAFETY: the job is written by the leading thread only, while it is closed and nobody is inside.
unsafe impl Sync for Team {}
// SAFETY: the pointer in it is used while a job is open, for whose time its tasks may be shared.
unsafe impl Send for Team {}

impl Team {
    /// Runs a job.
    fn lead(self: &Arc<Self>, count: usize, run: &(dyn Fn(usize) + Sync)) {
        let phase = self.phase.0.load(Ordering::Relaxed);
        if !phase.is_multiple_of(2) {
            // This is a task of a job of this thread's, and its helpers are busy with others.
            return (0..count).for_each(run);
        }
        let threads = rayon::current_num_threads();
        // SAFETY: a job is closed, and all helpers have left, before what its tasks borrow ends.
        let run = unsafe { std::mem::transmute::<&(dyn Fn(usize) + Sync), *const _>(run) };
        let job = Job { run, count, ranges: threads.min(count).clamp(1, RANGES) };
        for (range, next) in self.next[..job.ranges].iter().enumerate() {
            next.0.store(job.start(range), Ordering::Relaxed);
        }
        // SAFETY: no job is open, so no helper reads it.
        unsafe { *self.job.get() = Some(job) };
        self.phase.0.store(phase + 1, Ordering::SeqCst);
        let open = Open(self);
        for helper in self.helpers.0.load(Ordering::Relaxed) + 1..threads {
            self.helpers.0.fetch_add(1, Ordering::Relaxed);
            let team = Arc::clone(self);
            rayon::spawn(move || team.help(helper));
        }
        self.work(0, job);
        drop(open);
        let panic = self.panic().take();
        if let Some(panic) = panic {
            resume_unwind(panic);
        }
    }

    /// What a helper's task panicked with.
    fn panic(&self) -> MutexGuard<'_, Option<Box<dyn Any + Send>>> {
        self.panic.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Works on the leading thread's jobs for as long as they come.
    fn help(&self, helper: usize) {
        let mut last = 0;
        let mut idle = Instant::now();
        while idle.elapsed() < PATIENCE {
            let phase = self.phase.0.load(Ordering::SeqCst);
            if phase.is_multiple_of(2) || phase == last {
                std::hint::spin_loop();
                continue;
            }
            last = phase;
            self.inside.0.fetch_add(1, Ordering::SeqCst);
            // Either the job is still open now, and will not end before this helper has left, or
            // it is not touched.
            if self.phase.0.load(Ordering::SeqCst) == phase {
                // SAFETY: the job is open.
                let job = unsafe { *self.job.get() }.expect("an open job");
                if let Err(panic) = catch_unwind(AssertUnwindSafe(|| self.work(helper, job))) {
                    *self.panic() = Some(panic);
                }
            }
            self.inside.0.fetch_sub(1, Ordering::SeqCst);
            idle = Instant::now();
        }
        self.helpers.0.fetch_sub(1, Ordering::Relaxed);
    }

    /// Runs tasks for as long as there are any: this thread's own range first.
    fn work(&self, thread: usize, job: Job) {
        for range in (thread..thread + job.ranges).map(|range| range % job.ranges) {
            let end = job.start(range + 1);
            loop {
                let task = self.next[range].0.fetch_add(1, Ordering::Relaxed);
                if task >= end {
                    break;
                }
                // SAFETY: the job is open, or the leading thread waits for this one to leave.
                unsafe { (*job.run)(task) };
            }
        }
    }
}

impl Job {
    /// The first task of a range.
    fn start(&self, range: usize) -> usize {
        range * self.count / self.ranges
    }
}

/// An open job: closed, and all helpers gone, once this is dropped.
struct Open<'a>(&'a Team);

impl Drop for Open<'_> {
    fn drop(&mut self) {
        /// How long a helper that the system has put to sleep is waited for in vain.
        const SPINS: usize = 1000;
        self.0.phase.0.fetch_add(1, Ordering::SeqCst);
        let mut spins = 0;
        while self.0.inside.0.load(Ordering::SeqCst) > 0 {
            spins += 1;
            if spins < SPINS { std::hint::spin_loop() } else { std::thread::yield_now() }
        }
        if std::thread::panicking() {
            // One panic is enough; a helper's must not turn up in the next job.
            self.0.panic().take();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Runs a job on a team of this thread's own and counts how often each task ran.
    fn counts(count: usize) -> Vec<usize> {
        let counts: Vec<AtomicUsize> = (0..count).map(|_| AtomicUsize::new(0)).collect();
        for_each(count, &|task| {
            counts[task].fetch_add(1, Ordering::Relaxed);
        });
        counts.into_iter().map(AtomicUsize::into_inner).collect()
    }

    #[test]
    fn every_task_runs_once_however_often_there_are_jobs() {
        for round in 0..20_000 {
            let count = round % 40;
            assert_eq!(counts(count), vec![1; count]);
        }
    }

    #[test]
    fn several_threads_have_jobs_at_once() {
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| (0..2000).for_each(|_| assert_eq!(counts(9), [1; 9])));
            }
        });
    }

    #[test]
    fn what_tasks_write_is_there_when_the_job_is_done() {
        let mut numbers = vec![0; 64];
        for round in 1..5000 {
            let cells: Vec<Mutex<&mut usize>> = numbers.iter_mut().map(Mutex::new).collect();
            for_each(cells.len(), &|task| **cells[task].lock().unwrap() = round);
            drop(cells);
            assert!(numbers.iter().all(|&number| number == round));
        }
    }

    #[test]
    fn a_task_may_have_tasks_of_its_own() {
        let done = AtomicUsize::new(0);
        for_each(5, &|_| {
            for_each(7, &|_| {
                done.fetch_add(1, Ordering::Relaxed);
            });
        });
        assert_eq!(done.into_inner(), 35);
    }

    #[test]
    fn of_many_panics_one_arrives() {
        for _ in 0..200 {
            let job = || for_each(8, &|task| panic!("task {task}"));
            assert!(catch_unwind(job).is_err());
            assert_eq!(counts(8), [1; 8]);
        }
    }

    #[test]
    fn a_panic_of_any_task_arrives_and_leaves_the_team_at_work() {
        for bad in 0..30 {
            let job = || for_each(30, &|task| assert!(task != bad, "task {task}"));
            let panic = catch_unwind(job).expect_err("a task panicked");
            assert_eq!(panic.downcast_ref::<String>(), Some(&format!("task {bad}")));
            assert_eq!(counts(30), [1; 30]);
        }
    }
}
