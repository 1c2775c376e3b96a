using TestGrid.Core.Bundles;

namespace TestGrid.Tests.Core.Bundles;

/// <summary>What <c>bundle:</c> may name, and what it may not.</summary>
public sealed class BundleFormTests
{
    private const string Digest = "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

    [Theory]
    [InlineData("images.example/team/app", "images.example", "team/app", null)]
    [InlineData("images.example:5000/app:1.0_a-b", "images.example:5000", "app", "1.0_a-b")]
    [InlineData("localhost/a__b/c-d.e", "localhost", "a__b/c-d.e", null)]
    [InlineData("[::1]:5000/a", "[::1]:5000", "a", null)]
    public void An_image_is_named_by_its_registry_its_name_and_its_digest(
        string text,
        string registry,
        string repository,
        string? tag
    )
    {
        var image = Assert
            .IsType<BundleForm.Image>(BundleForm.Read($"image:{text}@{Digest}", out var problem))
            .Reference;

        Assert.Null(problem);
        Assert.Equal(new ImageReference(registry, repository, tag, BundleDigest.Parse(Digest, null)), image);
        Assert.Equal($"{text}@{Digest}", image.ToString());
    }

    [Theory]
    [InlineData("python", "Shipped")]
    [InlineData(Digest, "Exact")]
    [InlineData("docker-archive:images/app.tar", "Archive")]
    [InlineData("oci:images/app/", "Archive")]
    [InlineData("image:images.example/app:1.0", "Image")]
    public void Each_form_is_known_by_its_beginning(string text, string form)
    {
        var read = BundleForm.Read(text, out _);

        Assert.Equal(form, read?.GetType().Name);
        Assert.Equal(form is "Archive" or "Image", BundleForm.IsUnlockedName(text));
    }

    [Theory]
    [InlineData("sha256:0123", "it is no digest")]
    [InlineData("image:app", "with the registry's host")]
    [InlineData("image:team/app@" + Digest, "with the registry's host")]
    [InlineData("image:images.example/App", "name in lower case")]
    [InlineData("image:images.example/../app", "it is no image")]
    [InlineData("image:user:word@images.example/app", "it is no image")]
    [InlineData("image:images.example/app@sha256:0123", "it is no image")]
    [InlineData("image:http://images.example/app", "it is no image")]
    [InlineData("image:images.example/a\nb", "it is no image")]
    [InlineData("oci:", "no path within the repository")]
    [InlineData("oci:/etc/passwd", "no path within the repository")]
    [InlineData("oci:a/../../b", "no path within the repository")]
    [InlineData("docker-archive:a//b", "no path within the repository")]
    [InlineData("docker-archive:.git/config", "no path within the repository")]
    public void What_it_cannot_be_is_said(string text, string why)
    {
        Assert.Null(BundleForm.Read(text, out var problem));
        Assert.Contains(why, problem, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("My App_1", "my-app-1")]
    [InlineData("..", "image")]
    public void A_name_is_made_of_anything(string words, string name) => Assert.Equal(name, BundleForm.NameOf(words));
}
