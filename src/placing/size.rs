//! How large a generator is.

use std::fmt;
use std::str::FromStr;

/// vCPU and memory of a generator, written `2x4`: vCPU, then GB (of 1,024 MB).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Size {
    /// Parts of 1,024 of a vCPU, as ECS counts it.
    cpu_units: u32,
    /// MiB.
    memory: u32,
}

/// The sizes that Fargate has, Linux: CPU units, and the least, the most and the step of memory in MiB.
/// Source: <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/fargate-tasks-services.html> (task CPU and memory)
#[cfg(any(feature = "aws", test))]
const FARGATE: [(u32, u32, u32, u32); 6] = [
    (512, 1_024, 4_096, 1_024),
    (1_024, 2_048, 8_192, 1_024),
    (2_048, 4_096, 16_384, 1_024),
    (4_096, 8_192, 30_720, 1_024),
    (8_192, 16_384, 61_440, 4_096),
    (16_384, 32_768, 122_880, 8_192),
];

/// The smallest size of Fargate has steps of its own: 256 CPU units, and these MiB.
#[cfg(any(feature = "aws", test))]
const SMALLEST_FARGATE: (u32, [u32; 3]) = (256, [512, 1_024, 2_048]);

impl Size {
    /// vCPU.
    pub(crate) fn vcpu(self) -> f64 {
        f64::from(self.cpu_units) / 1_024.0
    }

    /// GB of memory.
    pub(crate) fn gb(self) -> f64 {
        f64::from(self.memory) / 1_024.0
    }

    /// CPU units, 1,024 a vCPU.
    #[cfg(any(feature = "aws", test))]
    pub(crate) const fn cpu_units(self) -> u32 {
        self.cpu_units
    }

    /// MiB of memory.
    pub(crate) const fn memory_mib(self) -> u32 {
        self.memory
    }

    /// Whether Fargate has this size; else what it has for that much CPU.
    #[cfg(any(feature = "aws", test))]
    pub(crate) fn on_fargate(self) -> Result<(), String> {
        let (smallest, steps) = SMALLEST_FARGATE;
        let gb = |mib: u32| f64::from(mib) / 1_024.0;
        if self.cpu_units == smallest {
            let fits = steps.contains(&self.memory);
            return fits.then_some(()).ok_or_else(|| "with 0.25 vCPU, Fargate has 0.5, 1 or 2 GB".to_owned());
        }
        let Some((_, least, most, step)) = FARGATE.into_iter().find(|(cpu, ..)| *cpu == self.cpu_units) else {
            return Err("Fargate has 0.25, 0.5, 1, 2, 4, 8 and 16 vCPU".to_owned());
        };
        if (least..=most).contains(&self.memory) && (self.memory - least).is_multiple_of(step) {
            return Ok(());
        }
        Err(format!("with {} vCPU, Fargate has {} to {} GB in steps of {}", self.vcpu(), gb(least), gb(most), gb(step)))
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}x{}", self.vcpu(), self.gb())
    }
}

impl FromStr for Size {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{text}` is no size: write vCPU and GB of memory, such as 2x4 or 0.5x1");
        let (cpu, memory) = text.split_once(['x', 'X']).ok_or_else(wrong)?;
        // Both come in whole parts of 1,024; more than 256 vCPU or 4 TB is a slip.
        let read = |text: &str, most: f64| {
            let units = text.trim().parse::<f64>().ok()? * 1_024.0;
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 1 and the most")]
            (units >= 1.0 && units <= most * 1_024.0 && units.fract() == 0.0).then_some(units as u32)
        };
        let size = read(cpu, 256.0).zip(read(memory, 4_096.0));
        let (cpu_units, memory) = size.ok_or_else(wrong)?;
        Ok(Self { cpu_units, memory })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_is_written_as_vcpu_and_gb_and_read_back() {
        for text in ["2x4", "0.25x0.5", "16x120"] {
            assert_eq!(text.parse::<Size>().unwrap().to_string(), text);
        }
        let size: Size = "0.5X1".parse().unwrap();
        assert_eq!((size.cpu_units(), size.memory_mib()), (512, 1_024));
        for wrong in ["", "2", "2x", "x4", "0x4", "2x0", "-2x4", "infx4", "NaNx4", "2x4x8", "999x4", "0.0001x4"] {
            assert!(wrong.parse::<Size>().is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn what_fargate_does_not_have_is_refused_with_what_it_has() {
        for fits in ["0.25x2", "0.5x1", "1x8", "2x4", "4x30", "8x60", "16x120"] {
            assert_eq!(fits.parse::<Size>().unwrap().on_fargate(), Ok(()), "{fits}");
        }
        let why = |text: &str| text.parse::<Size>().unwrap().on_fargate().unwrap_err();
        assert_eq!(why("2x2"), "with 2 vCPU, Fargate has 4 to 16 GB in steps of 1");
        assert_eq!(why("8x18"), "with 8 vCPU, Fargate has 16 to 60 GB in steps of 4");
        assert_eq!(why("0.25x4"), "with 0.25 vCPU, Fargate has 0.5, 1 or 2 GB");
        assert_eq!(why("3x6"), "Fargate has 0.25, 0.5, 1, 2, 4, 8 and 16 vCPU");
    }
}
