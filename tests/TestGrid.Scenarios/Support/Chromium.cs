using Microsoft.Playwright;

namespace TestGrid.Scenarios.Support;

/// <summary>A real browser, and pictures of what the tests saw in it, for people to look at.</summary>
internal static class Chromium
{
    private static readonly string Pictures = Path.Combine(AppContext.BaseDirectory, "pictures");

    public static async Task<IBrowser> LaunchAsync(IPlaywright playwright) =>
        await playwright.Chromium.LaunchAsync(new() { ExecutablePath = "/usr/bin/chromium", Args = ["--no-sandbox"] });

    public static async Task SaveAsync(IPage page, string name)
    {
        Directory.CreateDirectory(Pictures);
        await page.ScreenshotAsync(new() { Path = Path.Combine(Pictures, name + ".png") });
    }
}
