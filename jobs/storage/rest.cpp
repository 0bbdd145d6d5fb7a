#include "jobs/storage/rest.h"

#include <algorithm>
#include <array>
#include <utility>

#include <fmt/format.h>

#include "base/json.h"
#include "jobs/storage/encoding.h"
#include "jobs/storage/layout.h"
#include "jobs/storage/text_file.h"

namespace holdfast::storage {
namespace {

constexpr std::uint64_t kMaxListing = 256 << 20;
constexpr const char* kVersion2 = "application/vnd.x.restic.rest.v2";

bool IsListing(const StoreCall& call) { return call.method == "GET" && call.key.ends_with('/'); }

// [{"name": "0123...", "size": 5}, ...]; what else there is, is passed over. Read without a tree of
// all that, which would take ten times the text's room.
class Listing final : public nlohmann::json_sax<Json> {
 public:
  explicit Listing(std::vector<ListingPage::Entry>& entries) : entries_(entries) {}

  bool start_object(std::size_t) override {
    entry_ = {};
    has_size_ = false;
    return ++depth_ == 2;  // the objects of the list, and nothing below them
  }
  bool end_object() override {
    --depth_;
    if (entry_.key.empty() || !has_size_) return false;
    entries_.push_back(std::move(entry_));
    return true;
  }
  bool start_array(std::size_t) override { return ++depth_ == 1; }
  bool end_array() override { return --depth_ == 0; }
  bool key(string_t& name) override {
    key_ = std::move(name);
    return true;
  }
  bool string(string_t& value) override {
    if (key_ == "name") entry_.key = std::move(value);
    return depth_ == 2;
  }
  bool number_unsigned(number_unsigned_t value) override {
    if (key_ == "size") {
      entry_.size = value;
      has_size_ = true;
    }
    return depth_ == 2;
  }
  bool number_integer(number_integer_t) override { return depth_ == 2; }
  bool number_float(number_float_t, const string_t&) override { return depth_ == 2; }
  bool boolean(bool) override { return depth_ == 2; }
  // A server without any object of the type may say "null".
  bool null() override { return depth_ == 0 || depth_ == 2; }
  bool binary(binary_t&) override { return false; }
  bool parse_error(std::size_t, const std::string&, const nlohmann::detail::exception&) override {
    return false;
  }

 private:
  std::vector<ListingPage::Entry>& entries_;
  ListingPage::Entry entry_;
  std::string key_;
  bool has_size_ = false;
  int depth_ = 0;
};

}  // namespace

Rest::Rest(RestOptions options, Sleeper& sleeper)
    : ObjectStore(options.address, options.http, sleeper), options_(std::move(options)) {}

std::string Rest::Location() const { return "rest:" + UrlOf(""); }

// Packs have no folders of their own here.
std::string Rest::UrlOf(const std::string& key) const {
  const std::string root = address().prefix.empty() ? "" : address().prefix + "/";
  std::string path = key.empty() ? root : key;
  const auto handle = HandleOf(std::string_view(path).substr(root.size()));
  if (handle && handle->type == FileType::kPack)
    path = fmt::format("{}{}/{}", root, FolderOf(handle->type), handle->name);
  return address().endpoint + "/" + UriEncode(path, true);
}

Result<std::string> Rest::Authorization() const {
  if (!options_.token_file.empty()) {
    TRY(std::string token, ReadTextFile(options_.token_file));
    while (token.ends_with('\n')) token.pop_back();
    return "Bearer " + token;
  }
  if (options_.username.empty()) return std::string();
  return "Basic " + Base64(AsBytes(options_.username + ":" + options_.password));
}

Result<HttpRequest> Rest::BuildRequest(const StoreCall& call) const {
  std::string url = UrlOf(call.key);
  if (!call.query.empty()) url += "?" + QueryText(call.query);
  HttpRequest request{call.method, std::move(url), call.headers,
                      call.body,   call.max_body,  call.time_limit};
  TRY(std::string authorization, Authorization());
  if (!authorization.empty()) request.headers["authorization"] = std::move(authorization);
  return request;
}

// A folder appears with its first object, or with all others.
Result<HttpResponse> Rest::Send(const StoreCall& call, const std::stop_token& stop) {
  TRY(const HttpRequest request, BuildRequest(call));
  TRY(HttpResponse response, Exchange(request, stop));
  if (response.status != 404 || !IsListing(call)) return response;
  response.status = 200;
  response.body = {'[', ']'};
  return response;
}

Error Rest::ErrorOf(const StoreCall& call, const HttpResponse& response) const {
  static constexpr std::array kMeanings = {
      Meaning{"401", Code::kDenied,
              "{endpoint} refuses user and password: correct RESTIC_REST_USERNAME and "
              "RESTIC_REST_PASSWORD in the Secret that spec.rest.credentialsSecret names"},
      Meaning{
          "403", Code::kDenied,
          "{endpoint} denies {action}: the user must be allowed to use this path, and to remove "
          "objects where retention or prune are at work (not append-only)"},
      Meaning{"405", Code::kInvalid,
              "{endpoint} does not know {action}: spec.rest.url must be the URL of a repository on "
              "a server that speaks restic's REST protocol"},
      Meaning{"413", Code::kNoSpace, "{action}: the quota at {endpoint} is used up"},
  };
  StoreRefusal refusal = Describe(call, response);
  if (refusal.status == 404) return AbsentObject(refusal);
  const std::string status = std::to_string(refusal.status);
  if (std::ranges::find(kMeanings, status, &Meaning::word) != kMeanings.end())
    refusal.code = status;
  Error error = ErrorFor(refusal, kMeanings);
  // The gateway has sentences of its own, for whoever reads the status of a repository.
  const std::string_view sentence = AsText(response.body);
  if (!options_.token_file.empty() && !sentence.empty())
    error.message = fmt::format("the gateway at {} answered {}: {}", refusal.endpoint, status,
                                sentence.substr(0, sentence.find('\n')));
  return error;
}

Result<std::string> Rest::Password(const std::stop_token& stop) {
  const std::string& prefix = address().prefix;
  TRY(const HttpResponse response,
      Demand({"GET", prefix.empty() ? "password" : prefix + "/password"}, stop));
  const std::string_view password = AsText(response.body);
  return std::string(password.substr(0, password.find('\n')));
}

StoreCall Rest::PageCall(const std::string& prefix, const std::string& /*next*/,
                         int /*limit*/) const {
  StoreCall call{"GET", prefix};
  call.headers = {{"accept", kVersion2}};
  call.max_body = kMaxListing;
  return call;
}

Result<ListingPage> Rest::ParsePage(const StoreCall& call, ByteView body) const {
  ListingPage page;
  Listing listing(page.entries);
  if (!Json::sax_parse(AsText(body), &listing))
    return Fail(Code::kUnavailable, "the answer is no listing of the protocol's version 2");
  for (ListingPage::Entry& entry : page.entries) {
    const bool is_pack = call.key.ends_with("data/") && IsObjectName(entry.key);
    entry.key = call.key + (is_pack ? entry.key.substr(0, 2) + "/" : "") + entry.key;
  }
  return page;
}

Result<void> Rest::MakeFolders(const std::stop_token& stop) {
  StoreCall call{"POST", ""};
  call.query = {{"create", "true"}};
  TRY_VOID(Demand(call, stop));
  return {};
}

// The refusal of what is there is that of a user without rights.
Result<void> Rest::Save(const Handle& handle, ByteView data, std::stop_token stop) {
  TRY(const std::string key, KeyOf(handle));
  if (handle.type == FileType::kConfig) TRY_VOID(MakeFolders(stop));
  StoreCall call{"POST", key};
  call.headers = {{"content-type", "application/octet-stream"}};
  call.body = data;
  const Result<HttpResponse> saved = Demand(call, stop);
  if (saved) return {};
  if (saved.error().code == Code::kDenied && Stat(handle, stop))
    return Fail(Code::kAlreadyExists, key + " is already there");
  return tl::make_unexpected(saved.error());
}

}  // namespace holdfast::storage
