//! A page in a frame: its first screen as SVG, for the documentation. The page itself is inside, so text
//! stays text.

/// The top of a page of this size. `css` and `body` are those of the page.
pub fn framed(said: &str, css: &str, body: &str, (width, height): (u32, u32)) -> String {
    // What HTML forgives: charts without their namespace, and attributes without a value.
    let body = body
        .replace("<svg ", "<svg xmlns=\"http://www.w3.org/2000/svg\" ")
        .replace(" hidden>", " hidden=\"\">");
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" role=\"img\" aria-label=\"{said}\">\n\
         <style>\n{css}</style>\n\
         <foreignObject width=\"{width}\" height=\"{height}\">\n\
         <body xmlns=\"http://www.w3.org/1999/xhtml\" style=\"height: {height}px; overflow: hidden\">\n{}\n</body>\n\
         </foreignObject>\n</svg>\n",
        body.trim()
    )
}
