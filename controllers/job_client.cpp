#include "controllers/job_client.h"

#include "controllers/views.h"
#include "controllers/write_status.h"

namespace holdfast::controllers {
namespace {

Result<Json> Adopt(const Context& context, const kube::Resource& resource,
                   const kube::ObjectKey& key, const std::string& owner_uid, std::stop_token stop) {
  TRY(Json stored, context.api.Get(resource, key, stop));
  if (resource == kube::kJobs)
    context.caches.jobs.freshness().Read(key, FindString(stored, {"metadata", "resourceVersion"}));
  const OwnerView owner = DecodeOwner(stored);
  const std::string name = resource.kind + " " + kube::ToString(key);
  if (owner.uid != owner_uid)
    return Fail(
        Code::kAlreadyExists,
        name + " belongs to " +
            (owner.uid.empty() ? std::string("nobody that Holdfast knows")
                               : owner.kind + " " + owner.name + " (uid " + owner.uid + ")") +
            "; delete it if nobody needs it");
  if (Find(stored, {"metadata", "deletionTimestamp"}) != nullptr)
    return Fail(Code::kUnavailable, name + " is being deleted");
  return stored;
}

}  // namespace

Result<Json> EnsureOwned(const Context& context, const kube::Resource& resource, const Json& object,
                         std::stop_token stop) {
  const kube::ObjectKey key = {FindString(object, {"metadata", "namespace"}),
                               FindString(object, {"metadata", "name"})};
  auto created = context.api.Create(resource, key.ns, object, stop);
  if (resource == kube::kJobs) NoteWrite(context.caches.jobs.freshness(), key, created);
  if (created || created.error().code != Code::kAlreadyExists) return created;
  return Adopt(context, resource, key, DecodeOwner(object).uid, stop);
}

Result<void> EnsureJob(const Context& context, const Json& job, std::stop_token stop) {
  TRY_VOID(EnsureOwned(context, kube::kJobs, job, stop));
  return {};
}

Result<void> ResumeJob(const kube::Api& api, const kube::ObjectKey& key, std::stop_token stop) {
  const auto patched = api.MergePatch(kube::kJobs, key, {{"spec", {{"suspend", false}}}}, stop);
  if (!patched && !IsAbsent(patched.error())) return tl::make_unexpected(patched.error());
  return {};
}

Result<void> ExpireJob(const Context& context, const JobView& job, std::stop_token stop) {
  kube::Freshness& freshness = context.caches.jobs.freshness();
  // In this order: what is read is at least as new as what it was judged by.
  if (freshness.Awaits(job.key)) return {};
  if (const auto now = context.caches.jobs.Get(job.key); now != nullptr && now->expires) return {};
  const Json patch = {{"spec", {{"ttlSecondsAfterFinished", TimeToKeep(job).count()}}}};
  const auto patched = context.api.MergePatch(kube::kJobs, job.key, patch, stop);
  NoteWrite(freshness, job.key, patched);
  if (!patched && !IsAbsent(patched.error())) return tl::make_unexpected(patched.error());
  return {};
}

}  // namespace holdfast::controllers
