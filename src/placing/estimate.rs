//! What placed generators cost, before anybody is asked: list prices, multiplied out, and what they leave out.

use std::fmt::Write as _;

use crate::placing::Size;
use crate::text::thousands;

/// When the prices were read, and of which region they are. `infra/scripts/costs.py` has the same ones for the infrastructure.
const READ: &str = "us-east-1, read in November 2026";

/// A price in dollars, and the page that it stands on.
struct Price {
    dollars: f64,
    source: &'static str,
}

/// An hour of a vCPU of Fargate, Linux on x86.
const VCPU_X86: Price = Price { dollars: 0.04048, source: "https://aws.amazon.com/fargate/pricing/" };
/// An hour of a GB of memory of Fargate, Linux on x86.
const GB_X86: Price = Price { dollars: 0.004_445, source: "https://aws.amazon.com/fargate/pricing/" };
/// The same on ARM.
const VCPU_ARM: Price = Price { dollars: 0.03238, source: "https://aws.amazon.com/fargate/pricing/" };
/// The same on ARM.
const GB_ARM: Price = Price { dollars: 0.003_56, source: "https://aws.amazon.com/fargate/pricing/" };
/// An hour of a public IPv4 address.
const ADDRESS: Price = Price { dollars: 0.005, source: "https://aws.amazon.com/vpc/pricing/" };
/// A GB between two availability zones, charged on each side.
const CROSS_ZONE: Price = Price { dollars: 0.01, source: "https://aws.amazon.com/ec2/pricing/on-demand/" };
/// A GB through a NAT gateway.
const NAT: Price = Price { dollars: 0.045, source: "https://aws.amazon.com/vpc/pricing/" };

/// What a request and its answer weigh together with their headers, kB: of a small GET. A guess that is said as one.
const EXCHANGE_KB: f64 = 0.9;

/// What is to be placed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Placed {
    /// Tasks.
    pub(crate) count: u32,
    /// How large each is.
    pub(crate) size: Size,
    /// On ARM, not on x86.
    pub(crate) is_arm: bool,
    /// Each with a public IPv4 address.
    pub(crate) has_address: bool,
    /// The highest rate of each, requests per second.
    pub(crate) max_rate: u32,
}

/// One product of the estimate.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Line {
    /// What is paid for.
    pub(crate) what: &'static str,
    /// `52 × 2 × $0.04048`.
    pub(crate) product: String,
    /// Dollars an hour.
    pub(crate) an_hour: f64,
}

/// What that costs.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Estimate {
    placed: Placed,
    /// The products.
    pub(crate) lines: Vec<Line>,
    /// Gigabytes an hour, both ways, when all send at their highest rate.
    pub(crate) gb_an_hour: f64,
}

impl Estimate {
    /// What tasks on Fargate cost.
    pub(crate) fn of(placed: Placed) -> Self {
        let (vcpu, gb) = if placed.is_arm { (VCPU_ARM, GB_ARM) } else { (VCPU_X86, GB_X86) };
        let count = f64::from(placed.count);
        let each = |what, amount: f64, price: &Price| Line {
            what,
            product: format!("{} × {amount} × ${}", placed.count, price.dollars),
            an_hour: count * amount * price.dollars,
        };
        let mut lines = vec![each("vCPU", placed.size.vcpu(), &vcpu), each("memory, GB", placed.size.gb(), &gb)];
        if placed.has_address {
            lines.push(each("public IPv4", 1.0, &ADDRESS));
        }
        let gb_an_hour = count * f64::from(placed.max_rate) * EXCHANGE_KB * 3_600.0 / 1e6;
        Self { placed, lines, gb_an_hour }
    }

    /// Dollars an hour, of all that it counts.
    pub(crate) fn an_hour(&self) -> f64 {
        self.lines.iter().map(|line| line.an_hour).sum()
    }

    /// The estimate as people read it: what is counted, what the network may add, and what is left out.
    pub(crate) fn text(&self) -> String {
        let Placed { count, size, is_arm, max_rate, has_address } = self.placed;
        let kind = if is_arm { "ARM" } else { "x86" };
        let tasks = if count == 1 { "task" } else { "tasks" };
        let mut text = format!(
            "{count} {tasks} of {} vCPU and {} GB ({kind}) on Fargate, an hour, at list prices of {READ}:\n",
            size.vcpu(),
            size.gb()
        );
        let width = self.lines.iter().map(|line| line.product.chars().count()).max().unwrap_or(0);
        for Line { what, product, an_hour } in &self.lines {
            let _ = writeln!(text, "  {what:12} {product:width$}  {:>9}", money(*an_hour));
        }
        let _ = writeln!(text, "  {:12} {:width$}  {:>9}", "together", "", money(self.an_hour()));
        let _ = writeln!(
            text,
            "  billed by the second, for a minute at least; they run until they are ended (scaletop fleet down)"
        );
        let _ = writeln!(
            text,
            "not in it, and often more than all of it: the network. At {}/s each, the most they take, of about {EXCHANGE_KB} kB both \
             ways, that is {} GB an hour: free within a zone; {} an hour between zones (${} a GB on each side); {} an hour through \
             a NAT gateway (${} a GB). Put them into the target's zones{}.",
            thousands(max_rate),
            thousands(format!("{:.0}", self.gb_an_hour)),
            money(self.gb_an_hour * 2.0 * CROSS_ZONE.dollars),
            CROSS_ZONE.dollars,
            money(self.gb_an_hour * NAT.dollars),
            NAT.dollars,
            if has_address { ", in public subnets" } else { ", and reach it without a NAT gateway" },
        );
        let _ = writeln!(
            text,
            "nor: the service that scales out under the load, its load balancer, data out to the internet, what carries the fleet \
             (NATS), logs, secrets, images, taxes, discounts; other regions are mostly dearer"
        );
        let mut pages: Vec<_> = self.prices().iter().map(|price| price.source).collect();
        pages.dedup();
        let _ = writeln!(text, "prices: {}", pages.join(" "));
        text
    }

    /// What it is made of, in the order of the text.
    fn prices(&self) -> [Price; 5] {
        let (vcpu, gb) = if self.placed.is_arm { (VCPU_ARM, GB_ARM) } else { (VCPU_X86, GB_X86) };
        [vcpu, gb, NAT, ADDRESS, CROSS_ZONE]
    }
}

/// Two digits, or as many as it takes not to be nothing.
fn money(dollars: f64) -> String {
    if dollars >= 0.005 || dollars == 0.0 {
        format!("${}", thousands(format!("{dollars:.2}")))
    } else {
        format!("${dollars:.4}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn placed(count: u32, size: &str) -> Placed {
        Placed { count, size: size.parse().unwrap(), is_arm: false, has_address: true, max_rate: 20_000 }
    }

    fn near(one: f64, other: f64) -> bool {
        (one - other).abs() < 0.005
    }

    #[test]
    fn fifty_two_generators_of_two_vcpu_cost_what_the_arithmetic_says() {
        // 52 × (2 × 0.04048 + 4 × 0.004445) = 4.20992 + 0.92456; addresses 0.26.
        let x86 = Estimate::of(placed(52, "2x4"));
        assert!(near(x86.an_hour(), 5.394_48), "{}", x86.an_hour());
        // 52 × (2 × 0.03238 + 4 × 0.00356) = 4.108, without addresses.
        let arm = Estimate::of(Placed { is_arm: true, has_address: false, ..placed(52, "2x4") });
        assert!(near(arm.an_hour(), 4.108), "{}", arm.an_hour());
        assert_eq!(arm.lines.len(), 2);
        // 52 × 20,000/s × 0.9 kB × 3,600 s = 3,369.6 GB: $67.39 between zones, $151.63 through a NAT gateway.
        assert!(near(x86.gb_an_hour, 3_369.6));
        let text = x86.text();
        for said in [
            "$5.39",
            "52 × 2 × $0.04048",
            "3,370 GB an hour",
            "$67.39 an hour between zones",
            "$151.63 an hour through",
        ] {
            assert!(text.contains(said), "{said}: {text}");
        }
    }

    #[test]
    fn it_says_when_and_where_its_prices_were_read_and_what_it_leaves_out() {
        let text = Estimate::of(placed(1, "0.25x0.5")).text();
        for said in [
            "1 task of",
            READ,
            "https://aws.amazon.com/fargate/pricing/",
            "NATS",
            "taxes",
            "the service that scales out",
        ] {
            assert!(text.contains(said), "{said}: {text}");
        }
    }

    #[test]
    fn little_is_not_nothing() {
        assert_eq!(money(0.0), "$0.00");
        assert_eq!(money(0.0021), "$0.0021");
        assert_eq!(money(1_234.5), "$1,234.50");
    }

    #[test]
    fn the_prices_are_those_of_the_infrastructures_costs() {
        let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/infra/scripts/costs.py")).unwrap();
        for (name, price) in
            [("Fargate vCPU (Linux, x86)", VCPU_X86), ("Fargate memory", GB_X86), ("public IPv4 address", ADDRESS)]
        {
            let row = page.lines().find(|line| line.contains(&format!("\"{name}\": ("))).unwrap();
            assert!(row.contains(&format!("({},", price.dollars)), "{row}");
            assert!(row.contains(price.source), "{row}");
        }
    }
}
