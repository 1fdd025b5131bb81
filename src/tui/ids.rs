//! Ids of instances in few columns: a piece of the real id that tells those on the screen apart.

use scaletop_units::InstanceId;

/// What stands where an id is cut.
const CUT: char = '…';

/// Each of `ids` in at most `width` columns. Those that are longer keep their beginning where that tells them apart, else their end, else
/// the piece from where they begin to differ; and a digest only where no piece does.
pub(crate) fn shortened(ids: &[&InstanceId], width: usize) -> Vec<String> {
    let kept = width.saturating_sub(1);
    let prefix = shared(ids);
    let head = |id: &str| format!("{}{CUT}", &id[..kept.min(id.len())]);
    let tail = |id: &str| format!("{CUT}{}", &id[id.len().saturating_sub(kept)..]);
    let middle = |id: &str| {
        let from = prefix.min(id.len().saturating_sub(kept));
        let until = (from + kept.saturating_sub(1)).min(id.len());
        format!("{CUT}{}{CUT}", &id[from..until])
    };
    let ways: [&dyn Fn(&str) -> String; 3] = [&head, &tail, &middle];
    let all = |way: &dyn Fn(&str) -> String| -> Vec<String> {
        ids.iter()
            .map(|id| if id.as_str().len() <= width { id.as_str().to_owned() } else { way(id.as_str()) })
            .collect()
    };
    let tells_apart = |shown: &Vec<String>| (1..shown.len()).all(|at| !shown[..at].contains(&shown[at]));
    let told = ways.into_iter().map(all).find(tells_apart).filter(|_| width > 2);
    told.unwrap_or_else(|| ids.iter().map(|id| id.shortened(width)).collect())
}

/// How many characters all of them begin with.
fn shared(ids: &[&InstanceId]) -> usize {
    let Some((first, others)) = ids.split_first() else { return 0 };
    let common = |id: &&InstanceId| first.as_str().bytes().zip(id.as_str().bytes()).take_while(|(a, b)| a == b).count();
    others.iter().map(common).min().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    fn all(ids: &[&str], width: usize) -> Vec<String> {
        let ids: Vec<_> = ids.iter().map(|id| InstanceId::from((*id).to_owned())).collect();
        shortened(&ids.iter().collect::<Vec<_>>(), width)
    }

    #[test]
    fn a_cut_id_is_a_piece_of_the_real_one_that_tells_it_from_the_others() {
        assert_eq!(all(&["i-9262bffe", "i-a12b1d07", "i-7"], 7), ["i-9262…", "i-a12b…", "i-7"]);
        assert_eq!(all(&["i-0abcdef12", "i-0abcdef34"], 7), ["…cdef12", "…cdef34"], "the differing end");
        let hosts = ["ip-10-0-31-7.eu-west-1.internal", "ip-10-0-42-7.eu-west-1.internal"];
        assert_eq!(all(&hosts, 7), ["…31-7.…", "…42-7.…"], "the differing middle");
    }

    #[test]
    fn no_two_are_shown_alike_and_none_is_too_wide() {
        let many: Vec<String> = (0..40).map(|n| format!("pod-{}-aaaaaaaaaaaa-{}-zzzzzzzzzz", n % 7, n / 7)).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        for width in [6, 7, 14] {
            let shown = all(&many, width);
            assert_eq!(shown.iter().collect::<HashSet<_>>().len(), many.len(), "{width}: {shown:?}");
            assert!(shown.iter().all(|id| id.chars().count() <= width), "{width}: {shown:?}");
        }
        assert!(all(&[], 7).is_empty());
    }
}
