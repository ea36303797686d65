//! The engine by itself, with criterion's statistics and plots: `cargo bench -p zamok-benches`.
#![allow(missing_docs)]

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use zamok_core::UnixTime;
use zamok_core::hash::HashAlgorithm;
use zamok_core::otp::{Hotp, HotpParameters, HotpState, Totp, TotpParameters, Window};
use zamok_core::secret::Secret;

const NOW: UnixTime = UnixTime(1_800_000_000);

fn generate(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("generate");
    for algorithm in HashAlgorithm::ALL {
        let secret = Secret::new(&vec![7; algorithm.output_len()]).expect("20 to 64 bytes are a secret");
        let hotp = Hotp::new(&secret, HotpParameters { algorithm, ..HotpParameters::default() });
        let mut counter = 0;
        group.bench_function(algorithm.to_string(), |bencher| {
            bencher.iter(|| {
                counter += 1;
                black_box(hotp.code(black_box(counter)))
            });
        });
    }
}

fn windows(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("window");
    for algorithm in HashAlgorithm::ALL {
        let secret = Secret::new(&vec![7; algorithm.output_len()]).expect("20 to 64 bytes are a secret");
        let totp =
            Totp::new(&secret, TotpParameters { algorithm, ..TotpParameters::default() }).expect("a period");
        for side in [0, 1, 2, 5, 10, 32] {
            let window = Window::steps(side, side).expect("at most 65 steps");
            group.throughput(Throughput::Elements(window.count().into()));
            let id = BenchmarkId::new(algorithm.to_string(), window.count());
            group.bench_function(id, |bencher| {
                bencher.iter(|| black_box(totp.verify(black_box("123456"), NOW, window)));
            });
        }
    }
}

fn resynchronise(criterion: &mut Criterion) {
    let secret = Secret::new(&[7; 20]).expect("20 bytes are a secret");
    let hotp = Hotp::new(&secret, HotpParameters::default());
    let state = HotpState::default();
    let mut group = criterion.benchmark_group("resynchronise");
    for counters in [100_u32, 1000, 9000] {
        group.throughput(Throughput::Elements(counters.into()));
        group.bench_function(BenchmarkId::from_parameter(counters), |bencher| {
            bencher.iter(|| black_box(hotp.resynchronise("123456", "654321", black_box(counters), &state)));
        });
    }
}

criterion_group!(benches, generate, windows, resynchronise);
criterion_main!(benches);
