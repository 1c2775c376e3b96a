namespace TestGrid.Runner.Bundles;

/// <summary>
/// A file or folder of a checkout, which is a stranger's: nothing on the way may be a link, or this machine's files would be
/// his.
/// </summary>
internal static class CheckoutPath
{
    /// <param name="checkout">Its folder.</param>
    /// <param name="path">From there, without <c>..</c>.</param>
    /// <exception cref="BundleException">It is not there, or leads elsewhere.</exception>
    public static string Of(string checkout, string path)
    {
        var found = checkout;
        foreach (var word in path.TrimEnd('/').Split('/'))
        {
            found = Path.Combine(found, word);
            FileSystemInfo entry = Directory.Exists(found) ? new DirectoryInfo(found) : new FileInfo(found);
            if (entry.LinkTarget is not null || (entry.Attributes & FileAttributes.Device) != 0 && entry.Exists)
                throw new BundleException(
                    $"{Path.GetRelativePath(checkout, found)} in the repository is a link: a bundle's file must be itself there."
                );
            if (!entry.Exists)
                throw new BundleException(
                    $"There is no {Path.GetRelativePath(checkout, found)} in the repository at this commit, which bundle: "
                        + "means. Is it kept out of the commit, or elsewhere?"
                );
        }
        return found;
    }
}
