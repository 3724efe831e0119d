//! The best that mixing settings at random can give: RouterBench's non-decreasing convex hull.

use super::sweep::Point;

/// Corners of the upper convex hull of (cost, quality), cheapest first, up to the highest quality.
///
/// Every point on it is a random mix of two settings, so it can be had; beyond its last corner more money buys nothing.
#[must_use]
pub fn hull(points: &[Point]) -> Vec<Point> {
    let mut sorted: Vec<Point> = points.to_vec();
    sorted.sort_by(|a, b| a.cost.total_cmp(&b.cost).then(b.quality.total_cmp(&a.quality)));
    let mut corners: Vec<Point> = Vec::new();
    for point in sorted {
        if corners.last().is_some_and(|last| point.quality <= last.quality) {
            continue;
        }
        while let [.., a, b] = corners[..] {
            // `b` goes if it lies below the line from `a` to the new point.
            let cross = (b.cost - a.cost) * (point.quality - a.quality)
                - (b.quality - a.quality) * (point.cost - a.cost);
            if cross < 0.0 {
                break;
            }
            corners.pop();
        }
        // Of points that cost the same the best came first.
        if corners.last().is_none_or(|last| point.cost > last.cost) {
            corners.push(point);
        }
    }
    corners
}

/// Mean height of the hull over a range of costs: `∫ hull dcost / (high − low)`.
///
/// Below its first corner the hull has that corner's height (which a router that starts at the cheapest model never
/// needs), beyond its last one the last one's. `None` if the range is empty.
#[must_use]
pub fn aiq(points: &[Point], (low, high): (f64, f64)) -> Option<f64> {
    let corners = hull(points);
    let (first, last) = (corners.first()?, corners.last()?);
    if high <= low {
        return None;
    }
    let ends = [Point { cost: f64::MIN, ..*first }, Point { cost: f64::MAX, ..*last }];
    let all: Vec<Point> = ends[..1].iter().chain(&corners).chain(&ends[1..]).copied().collect();
    let strip = |pair: &[Point]| {
        let (left, right) = (pair[0].cost.max(low), pair[1].cost.min(high));
        if right <= left {
            return 0.0;
        }
        let slope = (pair[1].quality - pair[0].quality) / (pair[1].cost - pair[0].cost);
        let height = |cost: f64| {
            if slope == 0.0 { pair[0].quality } else { pair[0].quality + slope * (cost - pair[0].cost) }
        };
        (right - left) * (height(left) + height(right)) / 2.0
    };
    Some(all.windows(2).map(strip).sum::<f64>() / (high - low))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn points(pairs: &[(f64, f64)]) -> Vec<Point> {
        pairs.iter().map(|(cost, quality)| Point { share: 0.0, quality: *quality, cost: *cost }).collect()
    }

    #[test]
    fn corners_by_hand() {
        let all = points(&[(3.0, 0.5), (1.0, 0.2), (2.0, 0.3), (4.0, 0.4), (3.0, 0.1), (6.0, 0.6)]);
        let corners: Vec<_> = hull(&all).iter().map(|point| (point.cost, point.quality)).collect();
        assert_eq!(corners, [(1.0, 0.2), (3.0, 0.5), (6.0, 0.6)]);
        // (2·.35 + 3·.55 + 2·.6) / 7 from 1 to 8.
        let area = aiq(&all, (1.0, 8.0)).expect("a range");
        assert!((area - (0.7 + 1.65 + 1.2) / 7.0).abs() < 1e-12, "{area}");
        assert!((aiq(&all, (2.0, 3.0)).expect("a range") - 0.425).abs() < 1e-12, "within one side");
        assert!((aiq(&all, (0.0, 1.0)).expect("a range") - 0.2).abs() < 1e-12, "before the first corner");
        assert_eq!(aiq(&all, (2.0, 2.0)), None);
        assert_eq!(aiq(&[], (1.0, 2.0)), None);
    }

    proptest! {
        #[test]
        fn no_point_lies_above_the_hull(pairs in prop::collection::vec((0.0..5.0f64, 0.0..1.0f64), 1..40)) {
            let corners = hull(&points(&pairs));
            for pair in corners.windows(2) {
                prop_assert!(pair[0].cost < pair[1].cost && pair[0].quality < pair[1].quality);
            }
            for (cost, quality) in pairs {
                let after = corners.partition_point(|corner| corner.cost < cost);
                let height = match (after.checked_sub(1).map(|i| corners[i]), corners.get(after)) {
                    (Some(a), Some(b)) => a.quality + (b.quality - a.quality) * (cost - a.cost) / (b.cost - a.cost),
                    (Some(last), None) => last.quality,
                    (None, Some(first)) => first.quality,
                    (None, None) => unreachable!("a point has a hull"),
                };
                prop_assert!(quality <= height + 1e-9, "{cost} {quality} {height}");
            }
        }
    }
}
