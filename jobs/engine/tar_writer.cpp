#include "jobs/engine/tar_writer.h"

#include <cerrno>
#include <optional>
#include <utility>

#include <archive.h>
#include <archive_entry.h>
#include <sys/stat.h>

// libarchive's own stands beside a table of all its formats, so that the linker would take every
// one of them, with the libraries that they need, for this sentence.
extern "C" void __archive_write_entry_filetype_unsupported(archive* writer, archive_entry* entry,
                                                           const char* format) {
  archive_set_error(writer, EINVAL, "%s: this type of file has no place in %s",
                    archive_entry_pathname(entry), format);
}

namespace holdfast::engine {

struct TarWriter::Archive {
  explicit Archive(ByteSink to) : sink(std::move(to)), handle(archive_write_new()) {}
  ~Archive() { archive_write_free(handle); }
  Archive(const Archive&) = delete;
  Archive& operator=(const Archive&) = delete;

  // The sink's own Error, where libarchive only knows that there was one.
  Result<void> Check(long result) {
    if (result >= ARCHIVE_OK) return {};
    if (failure) return tl::make_unexpected(*failure);
    const char* const why = archive_error_string(handle);
    return Fail(Code::kInternal, std::string("tar: ") + (why == nullptr ? "out of memory" : why));
  }

  static la_ssize_t Forward(archive*, void* self, const void* data, std::size_t size) {
    auto& archive = *static_cast<Archive*>(self);
    Result<void> written = archive.sink({static_cast<const std::uint8_t*>(data), size});
    if (written) return static_cast<la_ssize_t>(size);
    archive.failure = std::move(written).error();
    return -1;
  }

  const ByteSink sink;
  archive* const handle;
  bool opened = false;
  std::optional<Error> failure;
};

namespace {

using EntryPtr = std::unique_ptr<archive_entry, decltype(&archive_entry_free)>;

void SetKind(archive_entry* entry, const repo::Node& node, const std::string& hard_link) {
  archive_entry_set_mode(entry, repo::PosixMode(node.mode));
  if (!hard_link.empty()) {
    archive_entry_copy_hardlink(entry, hard_link.c_str());
    return;
  }
  switch (node.type) {
    case repo::NodeType::kFile:
      archive_entry_set_filetype(entry, AE_IFREG);
      archive_entry_set_size(entry, static_cast<la_int64_t>(node.size));
      break;
    case repo::NodeType::kDir:
      archive_entry_set_filetype(entry, AE_IFDIR);
      break;
    case repo::NodeType::kSymlink:
      archive_entry_set_filetype(entry, AE_IFLNK);
      archive_entry_copy_symlink(entry, node.link_target.c_str());
      break;
    case repo::NodeType::kDev:
    case repo::NodeType::kCharDev:
      archive_entry_set_filetype(entry, node.type == repo::NodeType::kDev ? AE_IFBLK : AE_IFCHR);
      archive_entry_set_rdev(entry, node.device);
      break;
    default:
      archive_entry_set_filetype(entry, AE_IFIFO);
  }
}

// libarchive spells seconds and nanoseconds one after the other, which before 1970 means to count
// both backwards. Within the second before 1970 it has no spelling.
void SetTime(archive_entry* entry, const repo::FileTime& time) {
  constexpr std::uint32_t kSecond = 1'000'000'000;
  const bool backwards = time.seconds < -1 && time.nanos != 0;
  archive_entry_set_mtime(entry, time.seconds + (backwards ? 1 : 0),
                          static_cast<long>(backwards ? kSecond - time.nanos : time.nanos));
}

void SetAttributes(archive_entry* entry, const repo::Node& node) {
  archive_entry_set_uid(entry, node.uid);
  archive_entry_set_gid(entry, node.gid);
  archive_entry_copy_uname(entry, node.user.c_str());
  archive_entry_copy_gname(entry, node.group.c_str());
  SetTime(entry, node.mtime);
  for (const repo::ExtendedAttribute& attribute : node.extended_attributes)
    archive_entry_xattr_add_entry(entry, attribute.name.c_str(), attribute.value.data(),
                                  attribute.value.size());
}

}  // namespace

TarWriter::TarWriter(ByteSink sink) : archive_(std::make_unique<Archive>(std::move(sink))) {
  archive* const handle = archive_->handle;
  archive_write_set_format_pax(handle);
  // Names are bytes, not text of this process's locale.
  archive_write_set_format_option(handle, "pax", "hdrcharset", "BINARY");
  archive_write_set_format_option(handle, "pax", "xattrheader", "SCHILY");
  archive_write_set_bytes_in_last_block(handle, 1);
}

TarWriter::~TarWriter() = default;

Result<void> TarWriter::Add(const std::string& path, const repo::Node& node,
                            const std::string& hard_link) {
  if (!std::exchange(archive_->opened, true))
    TRY_VOID(archive_->Check(
        archive_write_open(archive_->handle, archive_.get(), nullptr, &Archive::Forward, nullptr)));
  const EntryPtr entry(archive_entry_new2(archive_->handle), &archive_entry_free);
  archive_entry_copy_pathname(entry.get(), path.c_str());
  SetKind(entry.get(), node, hard_link);
  SetAttributes(entry.get(), node);
  const int result = archive_write_header(archive_->handle, entry.get());
  // A warning is a field that another tar could not read; the entry is there.
  return archive_->Check(result == ARCHIVE_WARN ? ARCHIVE_OK : result);
}

Result<void> TarWriter::Write(ByteView content) {
  return archive_->Check(archive_write_data(archive_->handle, content.data(), content.size()));
}

Result<void> TarWriter::Finish() {
  if (!std::exchange(archive_->opened, true))
    TRY_VOID(archive_->Check(
        archive_write_open(archive_->handle, archive_.get(), nullptr, &Archive::Forward, nullptr)));
  return archive_->Check(archive_write_close(archive_->handle));
}

}  // namespace holdfast::engine
