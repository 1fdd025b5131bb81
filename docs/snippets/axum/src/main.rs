use axum::{Router, http::HeaderValue, routing::get};
use tower_http::set_header::SetResponseHeaderLayer;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    // --- the lines that matter ---
    let id = std::env::var("INSTANCE_ID").unwrap_or_else(|_| format!("{:08x}", fastrand::u32(..)));
    let instance_id = SetResponseHeaderLayer::overriding(
        axum::http::HeaderName::from_static("x-instance-id"),
        HeaderValue::from_str(&id)?,
    );
    // -----------------------------

    let app = Router::new().route("/", get(|| async { "hello\n" })).layer(instance_id);
    let host = std::env::var("HOST").unwrap_or_else(|_| "0.0.0.0".into());
    let port = std::env::var("PORT").unwrap_or_else(|_| "8080".into());
    let listener = tokio::net::TcpListener::bind(format!("{host}:{port}")).await?;
    axum::serve(listener, app).await?;
    Ok(())
}
