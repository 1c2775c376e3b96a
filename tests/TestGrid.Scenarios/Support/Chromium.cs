using Microsoft.Playwright;

namespace TestGrid.Scenarios.Support;

/// <summary>A real browser, and pictures of what the tests saw in it, for people to look at.</summary>
internal static class Chromium
{
    private static readonly string Pictures = Path.Combine(AppContext.BaseDirectory, "pictures");

    public static async Task<IBrowser> LaunchAsync(IPlaywright playwright) =>
        await playwright.Chromium.LaunchAsync(new() { ExecutablePath = "/usr/bin/chromium", Args = ["--no-sandbox"] });

    /// <summary>A page of somebody who has signed in by a link of this server.</summary>
    public static async Task<IPage> SignInAsync(IBrowser browser, TestGridProcess server, CancellationToken stop)
    {
        var page = await browser.NewPageAsync();
        page.SetDefaultTimeout(60_000);
        await page.GotoAsync((await server.PostAsync("/api/v1/sign-in-links", new { }, stop)).Text("url")!);
        await page.GetByText("signed in").First.WaitForAsync();
        return page;
    }

    public static async Task SaveAsync(IPage page, string name)
    {
        Directory.CreateDirectory(Pictures);
        await page.ScreenshotAsync(new() { Path = Path.Combine(Pictures, name + ".png") });
    }
}
