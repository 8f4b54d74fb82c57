/** What it has not. */
export const without = {
  ranges: "it takes no notice of Content-Range",
  paging: "it lists all tags at once, as they come",
  referrers: "it is older than the list of referrers",
  untag: "it deletes manifests by their digests only",
  sha512: "it knows blobs by SHA-256 only, and refuses manifests by anything else",
};

/** Where Debian's docker-registry 2.8.2 is not what the suite asks for, and why that is so. */
export const differencesOfDebian: Readonly<Record<string, string>> = {
  "pull: end-2: Range behind the end is 416": "its 416 announces a body that does not come",
  "pull: end-3: without Accept an OCI manifest is answered": "no Accept means Docker's types to it",
  "pull: end-3: Accept */* takes an OCI manifest": "it reads no wildcards",
  "pull: names: what no repository can be called is refused": "it redirects a//b to a/b",
  "push: end-4b: POST with a digest takes the blob at once": "it begins an upload, which is allowed",
  "push: end-6: a blob by SHA-512": without.sha512,
  "push: end-5: a chunk out of order is 416, and the upload goes on": without.ranges,
  "push: end-5: 416 says where the upload stands": without.ranges,
  "push: end-5: a PUT that is out of order is 416, and the upload goes on": without.ranges,
  "push: end-5: a chunk whose length is not its range's is refused": without.ranges,
  "push: end-5: a range that makes no sense is refused": without.ranges,
  "push: end-11: a mount without a source finds the blob wherever it is":
    "it begins an upload, which is allowed",
  "push: end-7: a manifest by SHA-512": without.sha512,
  "push: end-7: what is no manifest is 400 MANIFEST_INVALID":
    "500 for {} and null, DIGEST_INVALID for one without a config",
  "push: end-7: what cannot be a tag is refused": "500 for sha256:abc",
  "push: end-7: layers that are kept elsewhere need not be there":
    "their addresses have to be allowed in its settings",
  "discovery: end-8a: tags in their order": without.paging,
  "discovery: end-8b: n tags, and a link to the rest": without.paging,
  "discovery: end-8b: no link where nothing follows": without.paging,
  "discovery: end-8b: n=0 is an empty list without a link": without.paging,
  "discovery: end-8b: tags after last, which need not be one": without.paging,
  "discovery: end-8b: n that is no number is refused": without.paging,
  "discovery: end-12a: referrers of what is not there are an empty index": without.referrers,
  "discovery: end-12a: what is no digest is 400": without.referrers,
  "discovery: end-12a: a manifest with a subject is a referrer, and its push says so": without.referrers,
  "discovery: end-12a: without an artifact type it is the config's media type": without.referrers,
  "discovery: end-12a: an index with a subject is a referrer": without.referrers,
  "discovery: end-12a: a subject may come after its referrers": without.referrers,
  "discovery: end-12b: the filter by artifact type, and that it was applied": without.referrers,
  "discovery: end-12a: referrers are those of the repository": without.referrers,
  "discovery: end-12a: a referrer that was deleted is none": without.referrers,
  "management: end-9: a tag is deleted, and the manifest stays": without.untag,
  "management: end-9: a tag that was deleted is not listed": without.untag,
  "management: end-9: the list of tags is empty when the last one went": without.untag,
  "management: end-9: a manifest or tag that is not there is 404 MANIFEST_UNKNOWN": without.untag,
  "management: methods that nothing is known of are refused": "it answers POST /v2/ as GET",
};
