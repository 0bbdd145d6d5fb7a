#include "operator/kube/freshness.h"

#include <algorithm>
#include <charconv>

namespace holdfast::kube {

// What is not a number is never reached: then everything is read live.
Freshness::Version Freshness::Parse(std::string_view text) {
  Version version = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), version);
  return error == std::errc() && end == text.data() + text.size() ? version : kNever;
}

Freshness::Version Freshness::ReachedIn(const std::string& ns) const {
  const auto everywhere = reached_.find("");
  if (everywhere != reached_.end()) return everywhere->second;
  const auto here = reached_.find(ns);
  return here == reached_.end() ? 0 : here->second;
}

bool Freshness::IsPast(const std::string& ns, Version version) const {
  return version != kNever && ReachedIn(ns) >= version;
}

bool Freshness::IsComing(const ObjectKey& key, Version version) const {
  return version != kNever && !IsPast(key.ns, version);
}

void Freshness::ReachedLocked(const std::string& ns, Version version) {
  if (version == kNever) return;
  Version& before = reached_[ns];
  // Versions only go back when etcd was restored from a backup; then no known one means anything.
  if (version < before) {
    first_ = kNever;
    written_.clear();
  }
  before = version;
}

void Freshness::Reached(const std::string& ns, std::string_view version) {
  const std::lock_guard lock(mutex_);
  ReachedLocked(ns, Parse(version));
}

std::vector<ObjectKey> Freshness::Completed(const std::string& ns, std::string_view version) {
  const std::lock_guard lock(mutex_);
  std::vector<ObjectKey> awaited;
  for (const auto& [key, written] : written_)
    if ((ns.empty() || key.ns == ns) && IsComing(key, written)) awaited.push_back(key);
  ReachedLocked(ns, Parse(version));
  std::erase_if(awaited, [this](const ObjectKey& key) {
    const auto written = written_.find(key);
    return written != written_.end() && IsComing(key, written->second);
  });
  return awaited;
}

// Objects that nobody asks about again are forgotten now and then.
void Freshness::Note(const ObjectKey& key, Version version) {
  if (IsPast(key.ns, version)) {
    written_.erase(key);
    return;
  }
  written_[key] = version;
  if (written_.size() < sweep_at_) return;
  std::erase_if(written_, [this](const auto& note) { return IsPast(note.first.ns, note.second); });
  sweep_at_ = std::max<std::size_t>(64, 2 * written_.size());
}

void Freshness::Wrote(const ObjectKey& key, std::string_view version) {
  const Version written = Parse(version);
  const std::lock_guard lock(mutex_);
  first_ = std::min(first_, written);
  Note(key, written);
}

void Freshness::Lost(const ObjectKey& key) {
  const std::lock_guard lock(mutex_);
  Note(key, kNever);
}

void Freshness::Read(const ObjectKey& key, std::string_view version) {
  const std::lock_guard lock(mutex_);
  Note(key, version.empty() ? 0 : Parse(version));
}

void Freshness::Listed(const std::string& ns, std::string_view version) {
  const Version listed = Parse(version);
  const std::lock_guard lock(mutex_);
  first_ = std::min(first_, listed);
  for (auto& [key, written] : written_)
    if (key.ns == ns) written = std::min(written, listed);
}

bool Freshness::Shows(const ObjectKey& key) const {
  const std::lock_guard lock(mutex_);
  const auto written = written_.find(key);
  return IsPast(key.ns, first_) && (written == written_.end() || IsPast(key.ns, written->second));
}

bool Freshness::ShowsAll(const std::string& ns) const {
  const std::lock_guard lock(mutex_);
  return IsPast(ns, first_) && std::ranges::all_of(written_, [&](const auto& note) {
           return note.first.ns != ns || IsPast(ns, note.second);
         });
}

bool Freshness::Awaits(const ObjectKey& key) const {
  const std::lock_guard lock(mutex_);
  const auto written = written_.find(key);
  return written != written_.end() && IsComing(key, written->second);
}

std::string Freshness::Needed(const std::string& ns) const {
  const std::lock_guard lock(mutex_);
  Version needed = first_;
  for (const auto& [key, written] : written_)
    if (key.ns == ns) needed = std::max(needed, written);
  return needed == kNever ? "" : std::to_string(needed);
}

}  // namespace holdfast::kube
