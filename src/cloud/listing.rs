//! Reading what the cloud answers in pages, with a bound.

use aws_smithy_async::future::pagination_stream::PaginationStream;

/// What was read of a listing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Listing<T> {
    /// The items, in the order of the pages.
    pub(crate) items: Vec<T>,
    /// Whether there are more than were read.
    pub(crate) is_cut: bool,
}

/// Reads up to `most` items of `pages`: no listing, however long or broken, is read without end. The first page that fails
/// ends it.
pub(crate) async fn at_most<T, E>(mut pages: PaginationStream<Result<T, E>>, most: usize) -> Result<Listing<T>, E> {
    let mut items = Vec::new();
    while let Some(item) = pages.next().await {
        let item = item?;
        if items.len() == most {
            return Ok(Listing { items, is_cut: true });
        }
        items.push(item);
    }
    Ok(Listing { items, is_cut: false })
}
