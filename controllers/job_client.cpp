#include "controllers/job_client.h"

#include "controllers/views.h"
#include "controllers/write_status.h"

namespace holdfast::controllers {
namespace {

Result<void> Adopt(const Context& context, const kube::ObjectKey& key, const std::string& owner_uid,
                   std::stop_token stop) {
  TRY(const Json stored, context.api.Get(kube::kJobs, key, stop));
  context.caches.jobs.freshness().Read(key, FindString(stored, {"metadata", "resourceVersion"}));
  TRY(const JobView job, DecodeJob(stored));
  if (job.owner.uid != owner_uid)
    return Fail(Code::kAlreadyExists,
                "Job " + kube::ToString(key) + " belongs to " +
                    (job.owner.uid.empty()
                         ? std::string("nobody that Holdfast knows")
                         : job.owner.kind + " " + job.owner.name + " (uid " + job.owner.uid + ")") +
                    "; delete it if nobody needs it");
  if (job.deleting)
    return Fail(Code::kUnavailable, "Job " + kube::ToString(key) + " is being deleted");
  return {};
}

}  // namespace

Result<void> EnsureJob(const Context& context, const Json& job, std::stop_token stop) {
  const kube::ObjectKey key = {FindString(job, {"metadata", "namespace"}),
                               FindString(job, {"metadata", "name"})};
  const auto created = context.api.Create(kube::kJobs, key.ns, job, stop);
  NoteWrite(context.caches.jobs.freshness(), key, created);
  if (created) return {};
  if (created.error().code != Code::kAlreadyExists) return tl::make_unexpected(created.error());
  TRY(const JobView wanted, DecodeJob(job));
  return Adopt(context, key, wanted.owner.uid, stop);
}

Result<void> ExpireJob(const kube::Api& api, const kube::ObjectKey& key, std::chrono::seconds keep,
                       std::stop_token stop) {
  const Json patch = {{"spec", {{"ttlSecondsAfterFinished", keep.count()}}}};
  const auto patched = api.MergePatch(kube::kJobs, key, patch, stop);
  if (!patched && !IsAbsent(patched.error())) return tl::make_unexpected(patched.error());
  return {};
}

}  // namespace holdfast::controllers
