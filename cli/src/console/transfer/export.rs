//! `rollcall export`.

use std::fs::File;
use std::io::{self, BufWriter, ErrorKind, Write};
use std::path::Path;
use std::pin::pin;
use std::time::Instant;

use csv::WriterBuilder;
use futures_util::{TryStreamExt as _, stream};
use http::Method;
use rollcall_nodefile::NAMES;
use rollcall_wire::console::{ExportPage, NodeImport};

use super::format::Format;
use crate::args::Export;
use crate::console::client::{Ask, Client};
use crate::console::select::parameter;
use crate::out::say;
use crate::problem::Problem;
use crate::progress::Progress;
use crate::up::stop_signal;

/// How many parts of the table are read at the same time.
const SEGMENTS: u64 = 4;
/// How many nodes a request reads.
const PAGE: u32 = 500;

/// Writes every node that is chosen to a file, or to standard output.
///
/// # Errors
/// If the console can't be asked, or the file can't be written. There is no file then.
pub(crate) async fn export(args: &Export) -> Result<(), Problem> {
    let format = match (&args.output, args.format) {
        (Some(file), format) => Format::of(format, file)?,
        (None, format) => format.unwrap_or(Format::Ndjson),
    };
    let client = Client::open(&args.connection).await?;
    let stop = stop_signal()?;
    let written = async {
        let Some(file) = &args.output else {
            return write(args, &client, format, io::stdout().lock()).await;
        };
        // What is no file, such as a terminal or a pipe, is written to and not replaced.
        if std::fs::metadata(file).is_ok_and(|there| !there.is_file()) {
            let out = File::options().write(true).open(file).map_err(|error| unwritable(file, &error))?;
            return write(args, &client, format, out).await;
        }
        // A link stays one.
        let file = &std::fs::canonicalize(file).unwrap_or_else(|_| file.clone());
        let next = next_to(file)?;
        let count = write(args, &client, format, next.as_file()).await?;
        next.as_file().sync_all().map_err(|error| unwritable(file, &error))?;
        next.persist(file).map_err(|error| unwritable(file, &error.error))?;
        Ok(count)
    };
    let began = Instant::now();
    let (mut written, mut stop) = (pin!(written), pin!(stop));
    let count = tokio::select! {
        count = &mut written => count?,
        () = &mut stop => return Err(Problem::interrupted("stopped; nothing was written to a file")),
    };
    if let Some(file) = &args.output {
        say(&format!("{count} nodes in {:.1} s: {}", began.elapsed().as_secs_f64(), file.display()));
    }
    Ok(())
}

/// Writes a file that is there only once it is whole, and that only its owner may read.
///
/// # Errors
/// If it can't be written.
pub(in crate::console) fn whole(file: &Path, text: &[u8]) -> Result<(), Problem> {
    let next = next_to(file)?;
    next.as_file().write_all(text).map_err(|error| unwritable(file, &error))?;
    next.as_file().sync_all().map_err(|error| unwritable(file, &error))?;
    next.persist(file).map(|_| ()).map_err(|error| unwritable(file, &error.error))
}

/// A file beside this one, which becomes this one once it is whole.
fn next_to(file: &Path) -> Result<tempfile::NamedTempFile<File>, Problem> {
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    // Its own text names the file beside this one, too.
    tempfile::NamedTempFile::new_in(folder).map_err(|error| unwritable(file, &error.kind().into()))
}

fn unwritable(file: &Path, error: &io::Error) -> Problem {
    Problem::new(format!("{} can't be written: {error}", file.display()))
}

async fn write(args: &Export, client: &Client, format: Format, out: impl Write) -> Result<u64, Problem> {
    let name = args.output.as_deref().unwrap_or(Path::new("standard output"));
    let failed = |error: io::Error| unwritable(name, &error);
    let mut out = Out::new(format, out).map_err(failed)?;
    let selected = parameter(args.select.as_ref());
    let mut pages = pin!(pages(client, &selected));
    let (mut count, mut progress) = (0, Progress::start());
    while let Some(page) = pages.try_next().await? {
        for node in &page.nodes {
            match out.add(node) {
                // Whoever stops reading has seen enough.
                Err(error) if args.output.is_none() && error.kind() == ErrorKind::BrokenPipe => return Ok(count),
                added => added.map_err(failed)?,
            }
            count += 1;
        }
        progress.say(|| format!("{count} nodes so far"));
    }
    match out.finish() {
        Err(error) if args.output.is_none() && error.kind() == ErrorKind::BrokenPipe => Ok(count),
        finished => finished.map(|()| count).map_err(failed),
    }
}

/// All pages, with this behind the query.
pub(in crate::console) fn pages<'a>(
    client: &'a Client,
    query: &'a str,
) -> impl futures_util::Stream<Item = Result<ExportPage, Problem>> + 'a {
    stream::select_all((0..SEGMENTS).map(|segment| Box::pin(segment_pages(client, segment, query))))
}

/// The pages of one segment, one after the other.
fn segment_pages<'a>(
    client: &'a Client,
    segment: u64,
    query: &'a str,
) -> impl futures_util::Stream<Item = Result<ExportPage, Problem>> + 'a {
    stream::try_unfold(Some(String::new()), move |cursor: Option<String>| async move {
        let Some(cursor) = cursor else { return Ok(None) };
        let path = format!("/v1/nodes:export?limit={PAGE}&segments={SEGMENTS}&segment={segment}{query}{cursor}");
        let page: ExportPage = client.ask(Ask::new(Method::GET, path)).await?;
        let next = page.cursor.as_ref().map(|cursor| format!("&cursor={cursor}"));
        Ok(Some((page, next)))
    })
}

/// Writes nodes in a format.
enum Out<W: Write> {
    Csv(Box<csv::Writer<W>>),
    Ndjson(BufWriter<W>),
}

impl<W: Write> Out<W> {
    fn new(format: Format, out: W) -> io::Result<Self> {
        Ok(match format {
            Format::Csv => {
                let mut out = WriterBuilder::new().from_writer(out);
                out.write_record(NAMES)?;
                Self::Csv(Box::new(out))
            }
            Format::Ndjson => Self::Ndjson(BufWriter::new(out)),
        })
    }

    fn add(&mut self, node: &NodeImport) -> io::Result<()> {
        match self {
            Self::Csv(out) => Ok(out.write_record(fields(node))?),
            Self::Ndjson(out) => {
                serde_json::to_writer(&mut *out, node)?;
                out.write_all(b"\n")
            }
        }
    }

    fn finish(self) -> io::Result<()> {
        match self {
            Self::Csv(mut out) => out.flush(),
            Self::Ndjson(mut out) => out.flush(),
        }
    }
}

/// The fields of a line, in the order of [`NAMES`].
fn fields(node: &NodeImport) -> [String; 13] {
    let labels = node.labels.clone().flatten().unwrap_or_default();
    let labels = if labels.is_empty() { None } else { serde_json::to_string(&labels).ok() };
    let open = node.open_commands.as_ref().and_then(|open| serde_json::to_string(open).ok());
    let number = |number: Option<u64>| number.map_or_else(String::new, |number| number.to_string());
    let text = |field: &Option<Option<String>>| field.clone().flatten().unwrap_or_default();
    [
        node.node.clone(),
        text(&node.site),
        text(&node.model),
        node.tags.clone().flatten().unwrap_or_default().join(" "),
        node.credential_version.map_or_else(String::new, |version| version.to_string()),
        node.revoked.map_or_else(String::new, |revoked| revoked.to_string()),
        node.config.as_ref().map_or_else(String::new, |config| config.text().to_owned()),
        node.firmware.clone().unwrap_or_default(),
        text(&node.name),
        labels.unwrap_or_default(),
        number(node.config_version),
        number(node.last_command),
        open.unwrap_or_default(),
    ]
}
